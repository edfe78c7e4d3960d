"""Our frames and those of an independent implementation are the same octets."""

import random

import pytest
from dlms_cosem.hdlc import address, connection, frames

from headend.dlms.hdlc import (
    Frame,
    HdlcServerFraming,
    client_address,
    decode_frame,
    encode_frame,
    server_address,
)
from headend.dlms.hdlc.control import information

#: Without 7E: their reader takes it for the end of the frame at first.
ANSWER = bytes(range(100)) * 2

pytestmark = pytest.mark.foreign


def test_five_hundred_information_frames_both_ways():
    rng = random.Random(13239)
    for _ in range(500):
        sap, logical, physical = rng.randrange(1, 128), rng.randrange(1, 128), rng.choice([None, rng.randrange(1, 128)])
        payload = rng.randbytes(rng.choice([1, 2, 20, 128, 500]))
        send, receive, segmented, final = rng.randrange(8), rng.randrange(8), rng.random() < 0.5, rng.random() < 0.5
        theirs = frames.InformationFrame(
            address.HdlcAddress(sap, None, "client"),
            address.HdlcAddress(logical, physical, "server"),
            payload,
            send_sequence_number=send,
            receive_sequence_number=receive,
            segmented=segmented,
            final=final,
        )
        control = information(send, receive, 0x10 if final else 0)
        ours = Frame(client_address(sap), server_address(logical, physical), control, payload, segmented)
        assert encode_frame(ours) == theirs.to_bytes()
        assert decode_frame(theirs.to_bytes())[0] == ours
        read = frames.InformationFrame.from_bytes(encode_frame(ours))
        assert (read.payload, read.send_sequence_number, read.receive_sequence_number) == (payload, send, receive)


def test_their_client_talks_to_our_server_in_segments():
    here, there = address.HdlcAddress(16, None, "client"), address.HdlcAddress(1, 17, "server")
    client, server = connection.HdlcConnection(here, there), HdlcServerFraming(1, 17)

    def ask(frame):
        assert server.feed(client.send(frame)) == expected
        if expected:
            server.wrap(ANSWER)
        client.receive_data(server.take_output())
        return client.next_event()

    expected = []
    assert isinstance(ask(frames.SetNormalResponseModeFrame(there, here)), frames.UnNumberedAcknowledgmentFrame)
    expected = [b"request"]
    first = ask(frames.InformationFrame(there, here, b"\xe6\xe6\x00request"))
    assert first.segmented
    expected = []
    rest = ask(frames.ReceiveReadyFrame(there, here, receive_sequence_number=client.server_rsn))
    assert first.payload + rest.payload == b"\xe6\xe7\x00" + ANSWER
    assert not rest.segmented
    assert isinstance(ask(frames.DisconnectFrame(there, here)), frames.UnNumberedAcknowledgmentFrame)
    assert not server.connected
