"""HDLC of DLMS/COSEM (IEC 62056-46): frames, addresses, and the link of both roles, without a clock."""

from headend.dlms.hdlc.address import Address, client_address, decode_address, server_address
from headend.dlms.hdlc.control import Kind
from headend.dlms.hdlc.frame import Frame, FrameReader, decode_frame, decode_frames, encode_frame
from headend.dlms.hdlc.framing import HdlcFraming, HdlcServerFraming
from headend.dlms.hdlc.parameters import LinkParameters
from headend.dlms.hdlc.push import PushReader

__all__ = [
    "Address",
    "Frame",
    "FrameReader",
    "HdlcFraming",
    "HdlcServerFraming",
    "Kind",
    "LinkParameters",
    "PushReader",
    "client_address",
    "decode_address",
    "decode_frame",
    "decode_frames",
    "encode_frame",
    "server_address",
]
