"""General block transfer: any APDU cut into numbered blocks (Green Book 9.3.13, 9.5)."""

from typing import ClassVar, Final

from attrs import frozen

from headend.dlms import axdr
from headend.dlms.cursor import Cursor
from headend.dlms.errors import LocalError

_LARGEST_WINDOW: Final = 63


@frozen
class GeneralBlockTransfer:
    """One block: number, the number it acknowledges, and a piece of an APDU."""

    NAME: ClassVar[str] = "general-block-transfer"
    last_block: bool
    streaming: bool
    #: Blocks the sender can take before it acknowledges, 0 to 63.
    window: int
    block_number: int
    block_number_ack: int
    data: bytes

    @property
    def control(self) -> int:
        """The block-control octet: last 0x80, streaming 0x40, window in the low six bits."""
        return self.last_block << 7 | self.streaming << 6 | self.window

    def encode(self) -> bytes:
        """The octets of the APDU."""
        if not 0 <= self.window <= _LARGEST_WINDOW:
            raise LocalError(f"a window of {self.window} blocks, 0 to {_LARGEST_WINDOW} are possible")
        return b"\xe0%c%b%b%b%b" % (
            self.control,
            self.block_number.to_bytes(2, "big"),
            self.block_number_ack.to_bytes(2, "big"),
            axdr.encode_length(len(self.data)),
            self.data,
        )


def decode_general_block_transfer(octets: bytes) -> GeneralBlockTransfer:
    """A whole block; DecodeError when it is none."""
    read = Cursor(octets, 1)
    control = read.octet("block control")
    apdu = GeneralBlockTransfer(
        control >= 0x80,
        control & 0x40 != 0,
        control & 0x3F,
        read.unsigned(2, "block number"),
        read.unsigned(2, "acknowledged block number"),
        read.octet_string("block data"),
    )
    read.end()
    return apdu
