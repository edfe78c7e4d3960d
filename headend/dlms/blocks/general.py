"""General block transfer: any APDU in numbered blocks, several at once, lost ones sent again (Green Book 9.4.6.13).

Both ends number their own blocks from 1 and confirm the other's by the number up to which nothing is missing. A
sender may send as many blocks at once as the other's window allows; all but the last of a burst have the streaming
bit, and the one without it hands the turn over. Whoever has the turn confirms, sends what was not confirmed, then what
is new. What was sent is kept until it is confirmed, so a block that is lost costs one more burst, never the transfer.
"""

from typing import Final

from headend.dlms.apdu import GeneralBlockTransfer
from headend.dlms.errors import LocalError, RemoteError

#: Tag, block control, two numbers and a length of up to three octets.
OVERHEAD: Final = 9
LARGEST_NUMBER: Final = 0xFFFF
#: Bursts in a row that bring nothing new, in either direction, before the peer is given up.
_PATIENCE: Final = 16
#: The most blocks of one burst; a turn that is handed over counts as a whole one.
_A_BURST: Final = 64


class GeneralBlocks:
    """One exchange of a request and its answer, seen from either end.

    `room` is the most octets of one block we send, `limit` of all that we join, `window` how many blocks we take at
    once.
    """

    __slots__ = (
        "_expected",
        "_idle",
        "_last_sent",
        "_limit",
        "_out",
        "_parts",
        "_peer_window",
        "_received",
        "_room",
        "_window",
        "complete",
        "first",
    )

    def __init__(self, *, room: int, limit: int, window: int) -> None:
        self._room = room
        self._limit = limit
        self._window = window
        self._peer_window = 1
        #: Our blocks not yet confirmed: number, last, octets.
        self._out: list[tuple[int, bool, bytes]] = []
        self._last_sent = 0  # the largest number we gave a block
        self._expected = 1
        self._parts: list[bytes] = []
        self._received = 0
        self._idle = 0
        #: The first octets that the peer sent.
        self.first = b""
        #: Whether the peer's last block and all before it are here.
        self.complete = False

    @property
    def confirmed(self) -> bool:
        """Whether nothing of ours waits for the peer."""
        return not self._out

    def load(self, apdu: bytes) -> None:
        """Cut `apdu` into the blocks to send after those already there; `LocalError` if it needs more than 65535."""
        count = max(1, -(-len(apdu) // self._room))
        if self._last_sent + count > LARGEST_NUMBER:
            raise LocalError(f"{len(apdu)} octets need {count} blocks, and block numbers end at {LARGEST_NUMBER}")
        for index in range(count):
            self._last_sent += 1
            octets = apdu[index * self._room : (index + 1) * self._room]
            self._out.append((self._last_sent, index == count - 1, octets))

    def burst(self) -> list[GeneralBlockTransfer]:
        """The blocks to send in this turn: what waits, up to the peer's window, or else a bare confirmation.

        A confirmation has a number too, and waits for the peer like any block: else its loss would leave a gap.
        """
        if not self._out:
            if self._last_sent >= LARGEST_NUMBER:
                raise RemoteError("the peer asks for more confirmations than block numbers allow")
            self._last_sent += 1
            self._out.append((self._last_sent, True, b""))
        chosen = self._out[: self._peer_window]
        return [
            GeneralBlockTransfer(
                last_block=last,
                streaming=index < len(chosen) - 1,
                window=self._window,
                block_number=number,
                block_number_ack=self._expected - 1,
                data=octets,
            )
            for index, (number, last, octets) in enumerate(chosen)
        ]

    def take(self, block: GeneralBlockTransfer) -> bool:
        """Take one block of the peer's; whether the turn is ours now. `RemoteError` for more than was allowed."""
        progress = self._confirm(block.block_number_ack)
        self._peer_window = max(1, block.window)
        if block.block_number == self._expected:
            progress = self._append(block) or progress
        if progress:
            self._idle = 0
        else:
            self._idle += 1 if block.streaming else _A_BURST
            if self._idle > _PATIENCE * _A_BURST:
                raise RemoteError(f"{_PATIENCE} bursts in a row brought nothing new")
        return not block.streaming

    def _confirm(self, number: int) -> bool:
        if number > self._last_sent:
            raise RemoteError(f"block {number} confirmed, but only {self._last_sent} were sent")
        before = len(self._out)
        self._out = [block for block in self._out if block[0] > number]
        return len(self._out) < before

    def _append(self, block: GeneralBlockTransfer) -> bool:
        if self._expected > LARGEST_NUMBER:
            raise RemoteError("more blocks than there are block numbers")
        self._expected += 1
        if self.complete:
            return False
        self._received += len(block.data)
        if self._received > self._limit:
            raise RemoteError(f"blocks of more than {self._limit} octets in all")
        if not self._parts:
            self.first = block.data
        self._parts.append(block.data)
        # A bare confirmation says "last" too, as it has nothing to bring: it ends nothing unless something came before.
        self.complete = block.last_block and self._received > 0
        return bool(block.data)

    def join(self) -> bytes:
        """What the peer's blocks were cut from; they are forgotten here."""
        octets = b"".join(self._parts)
        self._parts.clear()
        return octets
