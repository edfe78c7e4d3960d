"""From octets of any form to what they say; an error inside a good frame is part of the answer."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from headend.dlms import axdr
from headend.dlms.apdu import GeneralBlockTransfer, decode
from headend.dlms.apdu.block_transfer import decode_general_block_transfer
from headend.dlms.apdu.tags import ApduTag
from headend.dlms.errors import DecodeError
from headend.dlms.hdlc.llc import COMMAND, RESPONSE
from headend.dlms.mbus import decode_mbus_frames, join_mbus_frames
from headend.dlms.trace.frames import (
    Message,
    capture,
    capture_what_is_good,
    describe_frame,
    describe_mbus,
    messages,
)
from headend.dlms.trace.tracing import Tracer
from headend.dlms.trace.values import Fields, date_time
from headend.dlms.wrapper import HEADER_LENGTH, decode_wrapper

_APDU_TAGS: Final = frozenset(ApduTag)
_GENERAL_BLOCK_TRANSFER: Final = b"\xe0"


class Form(Enum):
    """What octets are."""

    AUTO = "auto"
    WRAPPER = "wrapper"
    HDLC = "hdlc"
    APDU = "apdu"
    LLC_APDU = "llc+apdu"
    AXDR_DATA = "axdr-data"
    MBUS = "mbus"
    DATE_TIME = "cosem-date-time"


def trace(octets: bytes, form: Form, tracer: Tracer) -> list[Fields]:
    """What `octets` say: one object, or one for each PDU of a stream of wrapper PDUs.

    DecodeError when the outermost form is broken. Where frames are good and what they carry isn't, the object has the
    frames and `fault` with `reason` and `offset`.
    """
    if not octets:
        raise DecodeError("nothing to trace", 0)
    if form is Form.AUTO:
        form = guess(octets, tracer)
    if form is Form.WRAPPER:
        return _wrapper(octets, tracer)
    return [_READERS[form](octets, tracer)]


def guess(octets: bytes, tracer: Tracer) -> Form:
    """The form that `octets` most likely have: frames are known by their first octets, the rest by what decodes."""
    for form, marks in _MARKS:
        if octets.startswith(marks):
            return form
    if octets[0] == 0x68 and len(octets) > 3 and octets[3] == 0x68 and octets[1] == octets[2]:
        return Form.MBUS
    if octets[0] in _APDU_TAGS and (octets[0] not in _DATA_TAGS or _decodes(octets, tracer)):
        return Form.APDU
    if octets[0] not in _DATA_TAGS and len(octets) == 12:
        return Form.DATE_TIME
    return Form.AXDR_DATA if octets[0] in _DATA_TAGS else Form.APDU


def _decodes(octets: bytes, tracer: Tracer) -> bool:
    """Whether octets that might be an APDU or a bare Data are an APDU: they are unless only the Data makes sense."""
    try:
        decode(octets, strict=tracer.strict)
    except DecodeError:
        try:
            axdr.decode(octets, strict=tracer.strict)
        except DecodeError:
            return len(octets) >= _SHORTEST_AMBIGUOUS
        return False
    return True


def _wrapper(octets: bytes, tracer: Tracer) -> list[Fields]:
    described: list[Fields] = []
    at = 0
    while at < len(octets):
        if at and not octets.startswith(b"\x00\x01", at):
            raise DecodeError(f"{len(octets) - at} octets follow the wrapper PDU", at)
        pdu, end = decode_wrapper(octets, at)
        fields: Fields = {
            "version": 1,
            "source_wport": pdu.source,
            "destination_wport": pdu.destination,
            "length": len(pdu.apdu),
            "apdu": pdu.apdu.hex(),
        }
        described.append(fields | _attempt("decoded", pdu.apdu, at + HEADER_LENGTH, tracer))
        at = end
    return described


def _hdlc(octets: bytes, tracer: Tracer) -> Fields:
    if tracer.strict:
        captured, dropped = capture(octets), 0
    else:
        captured, dropped = capture_what_is_good(octets)
        if not captured:
            captured = capture(octets)
    fields: Fields = {"frames": [describe_frame(item) for item in captured]}
    if dropped:
        fields["octets_dropped"] = dropped
    return fields | _messages(messages(captured), tracer)


def _messages(found: list[Message], tracer: Tracer) -> Fields:
    """The APDUs in the messages of HDLC frames, blocks of general block transfer put together."""
    fields: Fields = {}
    apdus: list[Fields] = []
    blocks: list[GeneralBlockTransfer] = []
    for message in found:
        if message.octets[:1] == _GENERAL_BLOCK_TRANSFER and (message.llc or blocks):
            assembled = _add_block(fields, blocks, message)
            if assembled is None:
                continue
            message = Message(assembled, None, llc=True)  # noqa: PLW2901  # the message that the blocks make together
        outcome = _attempt("apdu", message.octets, message.offset, tracer)
        if not message.llc and "fault" in outcome:
            continue  # a later segment of something that was sent before the capture began
        apdus.append(outcome)
    if len(apdus) == 1:
        return fields | apdus[0]
    for outcome in apdus:
        if "fault" in outcome:
            fields.setdefault("fault", outcome["fault"])
    decoded = [outcome["apdu"] for outcome in apdus if "apdu" in outcome]
    return fields | {"apdus": decoded} if decoded else fields


def _add_block(fields: Fields, blocks: list[GeneralBlockTransfer], message: Message) -> bytes | None:
    try:
        block = _decode_block(message.octets, len(blocks) + 1)
    except DecodeError as error:
        fields.setdefault("fault", _fault(error, message.offset))
        return None
    blocks.append(block)
    fields.setdefault("gbt_blocks", []).append([block.control, block.block_number, len(block.data)])
    if not block.last_block:
        return None
    assembled = b"".join(item.data for item in blocks)
    fields["assembled"] = assembled.hex()
    blocks.clear()
    return assembled


def _decode_block(octets: bytes, due: int) -> GeneralBlockTransfer:
    block = decode_general_block_transfer(octets)
    if block.block_number != due:
        raise DecodeError(f"block {block.block_number} where {due} is due", 2)
    return block


def _mbus(octets: bytes, tracer: Tracer) -> Fields:
    frames = decode_mbus_frames(octets)
    fields: Fields = {"mbus_frames": [describe_mbus(frame) for frame in frames]}
    return fields | _attempt("apdu", join_mbus_frames(frames), None, tracer)


def _llc(octets: bytes, tracer: Tracer) -> Fields:
    if octets[:3] not in (COMMAND, RESPONSE):
        raise DecodeError(f"no LLC header e6e600 or e6e700, but {octets[:3].hex()}", 0)
    return {"llc": octets[:3].hex()} | _attempt("apdu", octets[3:], 3, tracer)


def _apdu(octets: bytes, tracer: Tracer) -> Fields:
    return tracer.apdu(octets)


def _data(octets: bytes, tracer: Tracer) -> Fields:
    return {"data": axdr.to_notation(axdr.decode(octets, strict=tracer.strict))}


def _date_time(octets: bytes, _: Tracer) -> Fields:
    if len(octets) != 12:
        raise DecodeError(f"a date-time of {len(octets)} octets, not 12", min(len(octets), 12))
    return {"date_time": date_time(octets)}


def _attempt(name: str, octets: bytes, offset: int | None, tracer: Tracer) -> Fields:
    """The APDU under `name`, or `fault`; `offset` is where it starts in what was given, if it is there in one piece."""
    try:
        return {name: tracer.apdu(octets)}
    except DecodeError as error:
        return {"fault": _fault(error, offset)}


def _fault(error: DecodeError, offset: int | None) -> Fields:
    if offset is None:
        return {"reason": f"{error.reason} (offset in the APDU put together)", "offset": error.offset}
    return {"reason": error.reason, "offset": None if error.offset is None else error.offset + offset}


_MARKS: Final = (
    (Form.HDLC, (b"\x7e",)),
    (Form.WRAPPER, (b"\x00\x01",)),
    (Form.LLC_APDU, (COMMAND, RESPONSE)),
)
#: Tags of Data; an APDU may begin with some of them too.
_DATA_TAGS: Final = frozenset(axdr.Tag)
#: Shorter octets that are neither an APDU nor a Data are called a broken Data.
_SHORTEST_AMBIGUOUS: Final = 7
_READERS: Final[dict[Form, Callable[[bytes, Tracer], Fields]]] = {
    Form.HDLC: _hdlc,
    Form.APDU: _apdu,
    Form.LLC_APDU: _llc,
    Form.AXDR_DATA: _data,
    Form.MBUS: _mbus,
    Form.DATE_TIME: _date_time,
}
