"""Structured attributes: the first octet chooses one, the rest is its Data."""

from headend.dlms.axdr import decode, encode
from headend.dlms.cosem.classes import CLASSES, build_attribute, read_attribute
from headend.dlms.cosem.obis_names import obis_name, obis_slug
from headend.dlms.cosem.references import CaptureObject
from headend.dlms.errors import LocalError

ATTRIBUTES = [(table.class_id, number) for table in CLASSES.values() for number in table.attributes]

SHARE = 8


def run(octets: bytes) -> None:
    if not octets:
        return
    class_id, attribute = ATTRIBUTES[octets[0] % len(ATTRIBUTES)]
    value = read_attribute(class_id, attribute, decode(octets[1:]))
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, CaptureObject):
            assert obis_slug(item.instance).isidentifier()
            obis_name(item.instance)
    try:
        built = encode(build_attribute(class_id, attribute, value))
    except LocalError:
        return  # a number wider than the standard's: read from a meter that has it, never sent
    assert repr(read_attribute(class_id, attribute, decode(built))) == repr(value)
