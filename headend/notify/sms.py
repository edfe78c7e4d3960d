"""How long a text message is: 7-bit characters where the GSM alphabet has them all, else UTF-16 units (TS 23.038)."""

from attrs import frozen

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Characters behind an escape: two septets each.
_EXTENDED = frozenset("\f^{}\\[~]|€")


@frozen
class SmsSize:
    """`units` of 7 bits (`unicode` False) or 16 bits, sent in so many `parts`."""

    units: int
    unicode: bool
    parts: int


def sms_size(text: str) -> SmsSize:
    """The size of a text: 160 septets or 70 UTF-16 units in one part, 153 or 67 in each of several."""
    if all(letter in _BASIC or letter in _EXTENDED for letter in text):
        return _size([1 + (letter in _EXTENDED) for letter in text], single=160, chained=153, unicode=False)
    return _size([1 + (ord(letter) > 0xFFFF) for letter in text], single=70, chained=67, unicode=True)


def _size(widths: list[int], *, single: int, chained: int, unicode: bool) -> SmsSize:
    units = sum(widths)
    if units <= single:
        return SmsSize(units, unicode, 1)
    parts, room = 1, chained
    for width in widths:
        # A character of two units is never split over two parts.
        if width > room:
            parts, room = parts + 1, chained
        room -= width
    return SmsSize(units, unicode, parts)
