"""How each simple type is laid out: the tables that encoder, decoder and row shapes share."""

from headend.dlms.axdr.values import Tag

#: struct format of every type of fixed size, big-endian (Green Book 9.5).
FORMATS: dict[Tag, str] = {
    Tag.BOOLEAN: "?",
    Tag.DOUBLE_LONG: "i",
    Tag.DOUBLE_LONG_UNSIGNED: "I",
    Tag.BCD: "b",
    Tag.INTEGER: "b",
    Tag.LONG: "h",
    Tag.UNSIGNED: "B",
    Tag.LONG_UNSIGNED: "H",
    Tag.LONG64: "q",
    Tag.LONG64_UNSIGNED: "Q",
    Tag.ENUM: "B",
    Tag.FLOAT32: "f",
    Tag.FLOAT64: "d",
    Tag.DATE_TIME: "12s",
    Tag.DATE: "5s",
    Tag.TIME: "4s",
    Tag.DELTA_INTEGER: "b",
    Tag.DELTA_LONG: "h",
    Tag.DELTA_DOUBLE_LONG: "i",
    Tag.DELTA_UNSIGNED: "B",
    Tag.DELTA_LONG_UNSIGNED: "H",
    Tag.DELTA_DOUBLE_LONG_UNSIGNED: "I",
}

#: Types whose content is a length and that many octets (a bit-string counts bits).
STRINGS = frozenset({Tag.BIT_STRING, Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING})

#: Types without any content.
EMPTY = frozenset({Tag.NULL_DATA, Tag.DONT_CARE})

INTEGERS = frozenset(tag for tag, code in FORMATS.items() if code in "bBhHiIqQ")
