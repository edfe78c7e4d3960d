"""Both ends of an HDLC link, given frames that are whole but say anything, and timers at any moment.

The octets are a programme: control octet, a second octet (bit 7 segmented, bit 6 to another station, the rest a length),
then as much information. Control octet FF lets time pass at both ends.
"""

from headend.dlms.errors import LocalError, RemoteError
from headend.dlms.hdlc import Frame, HdlcFraming, HdlcServerFraming, client_address, encode_frame, server_address
from headend.dlms.hdlc.link import LARGEST_APDU, LinkState

CLIENT, SERVER, OTHER = client_address(16), server_address(1, 17), server_address(2, 18)
#: Output of one step: a window of seven of the largest frames, and a little.
MOST_OUTPUT = 8 * 2049


def steps(octets):
    at = 0
    while at + 2 <= len(octets):
        control, shape = octets[at : at + 2]
        end = at + 2 + (shape & 0x3F)
        yield control, bool(shape & 0x80), bool(shape & 0x40), octets[at + 2 : end]
        at = end


def run(octets: bytes) -> None:
    client, server = HdlcFraming(16, 1, 17), HdlcServerFraming(1, 17)
    client.connect()
    for control, segmented, elsewhere, information in steps(octets):
        step(client, client.feed, Frame(CLIENT, OTHER if elsewhere else SERVER, control, information, segmented))
        step(server, server.feed, Frame(OTHER if elsewhere else SERVER, CLIENT, control, information, segmented))
        assert len(client.take_output()) <= MOST_OUTPUT
        assert len(server.take_output()) <= MOST_OUTPUT
        if not client.connected and client._link.state is LinkState.DISCONNECTED:
            client.connect()  # an error never leaves the link stuck


def step(framing, feed, frame):
    try:
        apdus = framing.timeout() if frame.control == 0xFF else feed(encode_frame(frame))
        assert all(len(apdu) <= LARGEST_APDU for apdu in apdus)
        if apdus and framing.connected:
            framing.wrap(apdus[0])
    except (RemoteError, LocalError) as error:
        if isinstance(framing, HdlcServerFraming):
            raise AssertionError("a server answers faults, it does not raise them") from error
        assert isinstance(error, RemoteError)
