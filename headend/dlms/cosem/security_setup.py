"""Value objects of security setup (IC 64): Blue Book 4.4.7."""

from enum import IntEnum
from typing import Annotated

from attrs import field, frozen

from headend.dlms.cosem.layout import Record, enum, enum_of, octets


class KeyId(IntEnum):
    """Which key a transfer or an agreement is about."""

    UNICAST_ENCRYPTION = 0
    BROADCAST_ENCRYPTION = 1
    AUTHENTICATION = 2
    MASTER = 3


@frozen
class KeyTransfer(Record):
    """One element of global_key_transfer (method 2): the key wrapped under the master key."""

    key_id: Annotated[KeyId, enum_of(KeyId)]
    wrapped: Annotated[bytes, octets] = field(repr=False)


@frozen
class KeyAgreement(Record):
    """One element of key_agreement (method 3): ephemeral public key and its signature."""

    key_id: Annotated[KeyId, enum_of(KeyId)]
    key_data: Annotated[bytes, octets]


@frozen
class CertificateInfo(Record):
    """One certificate that the server holds (attribute 6)."""

    entity: Annotated[int, enum]
    kind: Annotated[int, enum]
    serial_number: Annotated[bytes, octets]
    issuer: Annotated[bytes, octets]
    subject: Annotated[bytes, octets]
    subject_alternative_name: Annotated[bytes, octets]
