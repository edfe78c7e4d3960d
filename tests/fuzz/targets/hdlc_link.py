"""Both ends of an HDLC link, given frames that are whole but say anything, and timers at any moment.

The octets are a programme: control octet, a second octet (bit 7 segmented, bit 6 to another station, the rest a
length), then as much information. Control octet FF lets time pass at both ends.
"""

from headend.dlms.errors import RemoteError
from headend.dlms.hdlc import Frame, HdlcFraming, HdlcServerFraming, client_address, encode_frame, server_address
from headend.dlms.hdlc.link import LinkState

CLIENT, SERVER, OTHER = client_address(16), server_address(1, 17), server_address(2, 18)
#: Output of one step: a window of seven of the largest frames, and a little.
MOST_OUTPUT = 8 * 2049
#: A search has no time for more steps an input.
MOST_STEPS = 24

SHARE = 1
LONGEST = 192


def steps(octets):
    at = 0
    for _ in range(MOST_STEPS):
        if at + 2 > len(octets):
            return
        control, shape = octets[at : at + 2]
        end = at + 2 + (shape & 0x3F)
        yield control, bool(shape & 0x80), bool(shape & 0x40), octets[at + 2 : end]
        at = end


def run(octets: bytes) -> None:
    client, server = HdlcFraming(16, 1, 17), HdlcServerFraming(1, 17)
    client.connect()
    for control, segmented, elsewhere, information in steps(octets):
        meter = OTHER if elsewhere else SERVER
        take(server, Frame(meter, CLIENT, control, information, segmented))
        assert len(server.take_output()) <= MOST_OUTPUT
        try:
            take(client, Frame(CLIENT, meter, control, information, segmented))
        except RemoteError:
            assert not client.connected
        assert len(client.take_output()) <= MOST_OUTPUT
        if client._link.state is LinkState.DISCONNECTED:
            client.connect()  # an error never leaves the link stuck


def take(framing, frame):
    """Give `frame` or, for FF, let time pass; what comes out is sent back, as an owner would."""
    apdus = framing.timeout() if frame.control == 0xFF else framing.feed(encode_frame(frame))
    if apdus and framing.connected:
        framing.wrap(apdus[0])
