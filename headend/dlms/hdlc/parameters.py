from attrs import field, frozen

from headend.dlms.errors import DecodeError, LocalError

#: Limits and defaults of the information field and the window (IEC 62056-46 6.4.4.4.3.2).
LARGEST_INFORMATION = 2030
LARGEST_WINDOW = 7
DEFAULT_INFORMATION = 128
DEFAULT_WINDOW = 1

#: The LLC header must fit whole into the first segment, so a peer that allows less allows nothing.
_SMALLEST_INFORMATION = 4

_FORMAT, _GROUP = 0x81, 0x80
_TRANSMIT_INFORMATION, _RECEIVE_INFORMATION, _TRANSMIT_WINDOW, _RECEIVE_WINDOW = 5, 6, 7, 8


@frozen
class LinkParameters:
    """What one side can send and receive: octets in an information field (LLC included), frames in a window.

    LocalError outside the standard's limits: 4 to 2030 octets, 1 to 7 frames.
    """

    transmit_information: int = field(default=DEFAULT_INFORMATION)
    receive_information: int = field(default=DEFAULT_INFORMATION)
    transmit_window: int = field(default=DEFAULT_WINDOW)
    receive_window: int = field(default=DEFAULT_WINDOW)

    def __attrs_post_init__(self) -> None:
        for size in (self.transmit_information, self.receive_information):
            if not _SMALLEST_INFORMATION <= size <= LARGEST_INFORMATION:
                raise LocalError(f"information field of {size} octets, 4 to {LARGEST_INFORMATION} are possible")
        for window in (self.transmit_window, self.receive_window):
            if not 1 <= window <= LARGEST_WINDOW:
                raise LocalError(f"window of {window} frames, 1 to {LARGEST_WINDOW} are possible")

    def agreed_with(self, peer: "LinkParameters") -> "LinkParameters":
        """What this side may do, given what `peer` states from its own end: the smaller of each pair."""
        return LinkParameters(
            min(self.transmit_information, peer.receive_information),
            min(self.receive_information, peer.transmit_information),
            min(self.transmit_window, peer.receive_window),
            min(self.receive_window, peer.transmit_window),
        )


DEFAULT_PARAMETERS = LinkParameters()


def encode_parameters(parameters: LinkParameters) -> bytes:
    """The information field of SNRM or UA: empty where all are the defaults."""
    return b"" if parameters == DEFAULT_PARAMETERS else encode_all_parameters(parameters)


def encode_all_parameters(parameters: LinkParameters) -> bytes:
    """The information field with every parameter written out, sizes in one octet where they fit, windows in four."""
    elements = b"".join(
        (
            _element(_TRANSMIT_INFORMATION, parameters.transmit_information),
            _element(_RECEIVE_INFORMATION, parameters.receive_information),
            bytes((_TRANSMIT_WINDOW, 4)) + parameters.transmit_window.to_bytes(4),
            bytes((_RECEIVE_WINDOW, 4)) + parameters.receive_window.to_bytes(4),
        )
    )
    return bytes((_FORMAT, _GROUP, len(elements))) + elements


def _element(identifier: int, value: int) -> bytes:
    size = 1 if value <= 0xFF else 2
    return bytes((identifier, size)) + value.to_bytes(size)


def decode_parameters(octets: bytes) -> LinkParameters:
    """The parameters in the information field of SNRM or UA; what it leaves out has its default.

    DecodeError where lengths disagree or a value is below the least possible; a value above the largest is cut to it.
    """
    stated = decode_stated_parameters(octets)
    return LinkParameters(
        _information(stated.get(_TRANSMIT_INFORMATION, DEFAULT_INFORMATION)),
        _information(stated.get(_RECEIVE_INFORMATION, DEFAULT_INFORMATION)),
        _window(stated.get(_TRANSMIT_WINDOW, DEFAULT_WINDOW)),
        _window(stated.get(_RECEIVE_WINDOW, DEFAULT_WINDOW)),
    )


def decode_stated_parameters(octets: bytes) -> dict[int, int]:
    """Exactly what is stated, identifier to value (5 to 8 are known); DecodeError where lengths disagree."""
    if not octets:
        return {}
    if len(octets) < 3 or octets[0] != _FORMAT or octets[1] != _GROUP or octets[2] != len(octets) - 3:
        raise DecodeError(f"link parameters start with 81 80 and their length, not {octets[:3].hex(' ')}", 0)
    stated: dict[int, int] = {}
    at = 3
    while at < len(octets):
        start = at + 2
        end = start + (octets[at + 1] if start <= len(octets) else 1)
        if end > len(octets):
            raise DecodeError(f"link parameter {octets[at]} is cut", at)
        stated[octets[at]] = int.from_bytes(octets[start:end])
        at = end
    return stated


def _information(size: int) -> int:
    if size < _SMALLEST_INFORMATION:
        raise DecodeError(f"peer allows information fields of {size} octets, fewer than the LLC header needs")
    return min(size, LARGEST_INFORMATION)


def _window(frames: int) -> int:
    if not frames:
        raise DecodeError("peer allows a window of 0 frames")
    return min(frames, LARGEST_WINDOW)
