"""Value objects of register activation (IC 6), image transfer (IC 18): Blue Book 4.3.5, 4.4.6."""

from enum import IntEnum
from typing import Annotated

from attrs import frozen

from headend.dlms.cosem.layout import Record, array_of, obis, octets, u8, u16, u32
from headend.dlms.cosem.obis import Obis


@frozen
class ObjectDefinition(Record):
    """An object by class and name."""

    class_id: Annotated[int, u16]
    instance: Annotated[Obis, obis]


@frozen
class ActivationMask(Record):
    """Which of the assigned registers count while a mask is active, by their place counted from 1."""

    name: Annotated[bytes, octets]
    indices: Annotated[tuple[int, ...], array_of(u8)]


class ImageTransferStatus(IntEnum):
    """Attribute 6 of image transfer."""

    NOT_INITIATED = 0
    INITIATED = 1
    VERIFICATION_INITIATED = 2
    VERIFICATION_SUCCESSFUL = 3
    VERIFICATION_FAILED = 4
    ACTIVATION_INITIATED = 5
    ACTIVATION_SUCCESSFUL = 6
    ACTIVATION_FAILED = 7


@frozen
class ImageToActivate(Record):
    """One image that was transferred and verified."""

    size: Annotated[int, u32]
    identification: Annotated[bytes, octets]
    signature: Annotated[bytes, octets]


@frozen
class ImageInitiation(Record):
    """Parameter of image_transfer_initiate (method 1)."""

    identifier: Annotated[bytes, octets]
    size: Annotated[int, u32]


@frozen
class ImageBlock(Record):
    """Parameter of image_block_transfer (method 2); blocks count from 0."""

    number: Annotated[int, u32]
    octets: Annotated[bytes, octets]
