"""The mode E opening: any octets in any chunks open nothing by chance and are held within bounds."""

from headend.dlms.errors import RemoteError
from headend.dlms.mode_e import ModeEClient, ModeEServer

SHARE = 1
LONGEST = 160


def run(octets: bytes) -> None:
    for side in (ModeEClient(), ModeEServer("HDE", "METER-1")):
        for at in range(0, len(octets), 3):
            try:
                side.feed(octets[at : at + 3])
            except RemoteError:
                break
            while side.next_step() is not None:
                pass
            assert len(side._held) <= 128
            if side.done:
                break
