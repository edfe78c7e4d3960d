"""What only officers at the console change: the calendar beside the policy's, protections, care for work, traces."""

from typing import Self

from attrs import frozen

from headend.session.ports import Now
from headend.storage.closures import ClosureBook
from headend.storage.housekeeping import Housekeeping
from headend.storage.kek import Kek
from headend.storage.protections import Protections
from headend.storage.readers import Readers
from headend.storage.traces import Traces
from headend.storage.workcare import WorkCare
from headend.storage.writer import Writer


@frozen(eq=False)
class ConsoleParts:
    """The parts of the store that the console adds."""

    closures: ClosureBook
    protections: Protections
    care: WorkCare
    traces: Traces
    housekeeping: Housekeeping

    @classmethod
    def on(cls, writer: Writer, readers: Readers, kek: Kek | None, now: Now) -> Self:
        """These parts on a database."""
        return cls(
            closures=ClosureBook(writer, readers, now),
            protections=Protections(writer, readers, now),
            care=WorkCare(writer, readers, now),
            traces=Traces(writer, readers, kek, now),
            housekeeping=Housekeeping(readers),
        )
