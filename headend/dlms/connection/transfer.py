"""General block transfers of one association, one after the other, at either end."""

from collections.abc import Callable

from headend.dlms.apdu import GeneralBlockTransfer
from headend.dlms.blocks import GeneralBlocks
from headend.dlms.blocks.general import OVERHEAD


class GeneralTransfer:
    """Joins what comes in blocks and sends what must go in them; `send` takes the octets of one block.

    `room` is the most octets of an APDU that the peer takes, `limit` of all that is joined, `window` how many blocks
    are taken at once.
    """

    __slots__ = ("_limit", "_send", "_window", "blocks", "room")

    def __init__(self, send: Callable[[bytes], None], *, limit: int, window: int) -> None:
        self._send = send
        self._limit = limit
        self._window = window
        #: The transfer that runs, or was the last; None after `forget`.
        self.blocks: GeneralBlocks | None = None
        self.room = 0

    @property
    def unfinished(self) -> bool:
        """Whether the peer owes blocks."""
        return self.blocks is not None and not self.blocks.complete

    def forget(self) -> None:
        """What ran is over."""
        self.blocks = None

    def start(self, apdu: bytes) -> None:
        """Send a request in blocks; its answer may come in some."""
        self.blocks = blocks = self._new()
        blocks.load(apdu)
        self._burst(blocks)

    def answer(self, apdu: bytes) -> None:
        """Send an answer in blocks, in the transfer that brought the request, or in a new one if it came whole."""
        blocks = self.blocks
        if blocks is None:
            self.blocks = blocks = self._new()
            blocks.complete = True
        blocks.load(apdu)
        self._burst(blocks)

    def take(self, block: GeneralBlockTransfer) -> bytes | None:
        """The APDU that `block` completes. Sends what is due now: confirmations, and what was lost."""
        blocks = self.blocks
        if blocks is None or (blocks.complete and block.block_number == 1 and block.data):
            blocks = self.blocks = self._new()
        return self._take(blocks, block, may_answer=True)

    def take_request(self, block: GeneralBlockTransfer, *, sealed: bool, busy: bool) -> bytes | None:
        """As `take`, for a server; `busy` while the request is served.

        The first octets of a `sealed` request never come twice: if they do, our answer was lost, and is sent again.
        """
        blocks = self.blocks
        if blocks is None or (blocks.complete and block.block_number == 1 and block.data):
            repeated = blocks is not None and sealed and block.data == blocks.first
            if blocks is None or not repeated:
                blocks = self.blocks = self._new()
        return self._take(blocks, block, may_answer=not blocks.complete or not (busy or blocks.confirmed))

    def ask_again(self) -> None:
        """Nothing came for a while: say where we stand, and send again what was not confirmed."""
        if self.blocks is not None and not self.blocks.complete:
            self._burst(self.blocks)

    def _take(self, blocks: GeneralBlocks, block: GeneralBlockTransfer, *, may_answer: bool) -> bytes | None:
        was_complete = blocks.complete
        our_turn = blocks.take(block)
        if blocks.complete and not was_complete:
            return blocks.join() or None
        if our_turn and may_answer:
            self._burst(blocks)
        return None

    def _new(self) -> GeneralBlocks:
        return GeneralBlocks(room=max(1, self.room - OVERHEAD), limit=self._limit, window=self._window)

    def _burst(self, blocks: GeneralBlocks) -> None:
        for block in blocks.burst():
            self._send(block.encode())
