"""The control field of an HDLC frame, one octet (IEC 62056-46 6.4.3): what kind of frame, its numbers, its P/F bit."""

from enum import IntEnum

#: The poll bit in a command, the final bit in a response: who sent it gives the turn away.
POLL_FINAL = 0x10


class Kind(IntEnum):
    """Kinds of frame; the value is the control field without P/F bit and sequence numbers."""

    I = 0x00  # noqa: E741 - the standard's own name
    RR = 0x01
    RNR = 0x05
    REJ = 0x09
    UI = 0x03
    DM = 0x0F
    DISC = 0x43
    UA = 0x63
    SNRM = 0x83
    FRMR = 0x87


def _kind(control: int) -> Kind | None:
    if not control & 1:
        return Kind.I
    base = control & 0x0F if control & 3 == 1 else control & ~POLL_FINAL
    return Kind(base) if base in set(Kind) else None


#: The kind for each of the 256 control octets, None where the octet is not defined.
KINDS: tuple[Kind | None, ...] = tuple(_kind(control) for control in range(256))


def information(send: int, receive: int, poll_final: int = POLL_FINAL) -> int:
    """The control octet of an I frame."""
    return receive << 5 | poll_final | send << 1


def supervisory(kind: Kind, receive: int, poll_final: int = POLL_FINAL) -> int:
    """The control octet of RR, RNR or REJ."""
    return receive << 5 | poll_final | kind


def unnumbered(kind: Kind, poll_final: int = POLL_FINAL) -> int:
    """The control octet of SNRM, DISC, UA, DM, FRMR or UI."""
    return kind | poll_final
