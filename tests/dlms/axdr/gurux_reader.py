"""Reads data in hex, one a line, with gurux-dlms, and prints each as JSON. A process of its own: it is GPL software."""

import json
import sys

from gurux_dlms import GXBitString, GXByteBuffer
from gurux_dlms.internal._GXCommon import _GXCommon
from gurux_dlms.internal._GXDataInfo import _GXDataInfo


def simple(value):
    if isinstance(value, GXBitString):
        return f"bits {value}"
    if isinstance(value, list):
        return [simple(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return getattr(value, "value", value)


for line in sys.stdin:
    buffer = GXByteBuffer(bytes.fromhex(line))
    value = simple(_GXCommon.getData(None, buffer, _GXDataInfo()))
    sys.stdout.write(json.dumps({"value": value, "end": buffer.position}) + "\n")
