"""What methods and writes take out of Data; `WrongTypeError` when it is something else."""

from headend.dlms.axdr.values import Data, Tag
from simulator.objects import WrongTypeError


def take_int(data: Data, *tags: Tag) -> int:
    """The number in `data`, which has one of `tags`."""
    if data.tag not in tags or not isinstance(data.value, int):
        raise WrongTypeError(f"{data.tag.label} where {' or '.join(tag.label for tag in tags)} is expected")
    return data.value


def take_octets(data: Data, length: int | None = None) -> bytes:
    """The octets in an octet-string, `length` of them."""
    if data.tag is not Tag.OCTET_STRING or (length is not None and len(data.value) != length):
        raise WrongTypeError(f"an octet-string{'' if length is None else f' of {length}'} is expected")
    return bytes(data.value)


def take_time(data: Data) -> bytes:
    """The 12 octets of a date-time, in either coding."""
    if data.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME) or len(data.value) != 12:
        raise WrongTypeError("a date-time of 12 octets is expected")
    return bytes(data.value)


def take_structure(data: Data, size: int) -> tuple[Data, ...]:
    """The elements of a structure of `size`."""
    if data.tag is not Tag.STRUCTURE or len(data.value) != size:
        raise WrongTypeError(f"a structure of {size} is expected")
    return tuple(data.value)
