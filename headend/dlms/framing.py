from typing import Protocol


class Framing(Protocol):
    """What a connection needs from the wrapper or from HDLC: complete APDUs in, octets out, a link where there is one.

    A clock is never looked at: while `waiting` is true the owner runs a timer, restarts it whenever octets are sent or
    received, and calls `timeout` when it ends.
    """

    @property
    def connected(self) -> bool:
        """Whether APDUs can pass now."""

    @property
    def peer(self) -> int | None:
        """The SAP at the other end: for a client the server's, for a server that of the client it heard last."""

    @property
    def waiting(self) -> bool:
        """Whether the peer owes an answer of the link, so that a timer has to run."""

    def connect(self) -> None:
        """Queue the link's set-up; nothing where there is no link."""

    def disconnect(self) -> None:
        """Queue the link's end; nothing where there is no link."""

    def wrap(self, apdu: bytes) -> None:
        """Queue one APDU; LocalError where there is nobody to send it to."""

    def feed(self, octets: bytes) -> list[bytes]:
        """The APDUs that `octets` complete; may queue acknowledgements. RemoteError where the peer broke the rules."""

    def feed_addressed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """As `feed`, each APDU with the SAP of its sender."""

    def timeout(self) -> list[bytes]:
        """The timer ran out: repeat or ask; RemoteError when that was in vain too often. May give APDUs, as `feed`."""

    def take_output(self) -> bytes:
        """The octets to send now; they are forgotten here."""


class ServerFraming(Framing, Protocol):
    """A server's framing: `peer` may be set, to answer another client than the one heard last."""

    @property
    def peer(self) -> int | None:
        """The SAP of the client that `wrap` answers; None before anyone asked."""

    @peer.setter
    def peer(self, sap: int) -> None: ...
