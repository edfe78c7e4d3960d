"""All that the consumers' portal keeps, in one part."""

from typing import Self

from attrs import frozen

from headend.session.ports import Now
from headend.storage.complaints import Complaints
from headend.storage.doors import Doors
from headend.storage.onlinepayments import OnlinePayments
from headend.storage.readers import Readers
from headend.storage.statements import Statements
from headend.storage.tries import Tries
from headend.storage.writer import Writer


@frozen
class PortalParts:
    """Codes and passwords, online payments, complaints, the ledger as its owner reads it, and tries."""

    doors: Doors
    payments: OnlinePayments
    complaints: Complaints
    statements: Statements
    tries: Tries

    @classmethod
    def on(cls, writer: Writer, readers: Readers, now: Now) -> Self:
        """The parts on one database."""
        return cls(
            Doors(writer, readers, now),
            OnlinePayments(writer, readers, now),
            Complaints(writer, readers, now),
            Statements(readers),
            Tries(writer, now),
        )
