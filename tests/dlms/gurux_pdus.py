"""Reads APDUs in hex, one a line, with gurux-dlms, and prints what it writes back. Runs as a process of its own.

Each answer is a line of JSON: {"pdu": hex} where it read and wrote the APDU, else {"error": text}.
"""

import json
import sys

from gurux_dlms import GXDLMSTranslator
from gurux_dlms.enums import TranslatorOutputType


def answer(octets: str) -> dict[str, str]:
    translator = GXDLMSTranslator(TranslatorOutputType.SIMPLE_XML)
    translator.comments = False
    try:
        xml = translator.pduToXml(octets)
        written = translator.xmlToPdu(xml)
        return {"pdu": bytes(written.array() if hasattr(written, "array") else written).hex()}
    except Exception as error:  # noqa: BLE001  # whatever the library raises is its answer
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    sys.stdout.write(json.dumps(answer(line.strip())) + "\n")
