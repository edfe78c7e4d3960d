"""The event status word of IS 15959: 128 bits, counted from the most significant."""

from headend.dlms.axdr import BitString

#: Name by bit (IS 15959-2).
STATUS_BITS: dict[int, str] = {
    0: "phase 1 missing",
    1: "phase 2 missing",
    2: "phase 3 missing",
    3: "over-voltage",
    4: "low voltage",
    5: "voltage unbalance",
    6: "phase 1 current reversed",
    7: "phase 2 current reversed",
    8: "phase 3 current reversed",
    9: "current unbalance",
    10: "current bypass",
    11: "over-current",
    12: "low power factor",
    51: "earth loading",
    81: "magnet",
    82: "neutral disturbance",
    83: "cover opened",
    84: "relay changed",
    85: "last gasp",
    86: "first breath",
    87: "billing counter moved",
}


def status_events(word: BitString | bytes) -> tuple[str, ...]:
    """The names of the bits that are set, `bit N` where the specification has none."""
    octets = word.octets if isinstance(word, BitString) else word
    length = word.length if isinstance(word, BitString) else len(word) * 8
    return tuple(STATUS_BITS.get(bit, f"bit {bit}") for bit in range(length) if octets[bit // 8] & (0x80 >> (bit % 8)))
