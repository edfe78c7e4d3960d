"""Who is calling: a connection that came in is asked, as the public client, for its logical device name.

The answer is a claim. It only chooses which keys the caller has to prove; a visit over this connection authenticates
the meter as any other visit does.
"""

import asyncio
from typing import Final

from headend.dlms.apdu import GetRequestNormal
from headend.dlms.axdr import EncodedData
from headend.dlms.connection import ClientConnection, ClientParameters
from headend.dlms.cosem import CosemAttribute
from headend.dlms.errors import RemoteError
from headend.dlms.wrapper import WrapperFraming
from headend.meters.scaling import as_text
from headend.session.directory import Claim
from headend.session.errors import MeterMisbehaved
from headend.session.link import Link
from headend.session.services import INVOKE
from headend.transport.stream import Stream

#: The public client, and the management logical device that every meter has (IEC 62056-46 Annex).
PUBLIC_CLIENT: Final = 16
MANAGEMENT_DEVICE: Final = 1
LOGICAL_DEVICE_NAME: Final = CosemAttribute(1, "0.0.42.0.0.255", 2)
#: Seconds for all of it: a modem has just come up, and everything it does takes its time.
PATIENCE: Final = 20.0
#: A logical device name has 16 octets (Blue Book 4.1.8.2); some makers take a few more.
LONGEST_NAME: Final = 64


async def ask_who(stream: Stream, patience: float = PATIENCE) -> Claim:
    """The logical device name and, where its AARE told it, the system title of who is at the other end.

    The association is released again. SessionError where no name is to be had.
    """
    parameters = ClientParameters(client_sap=PUBLIC_CLIENT, server_sap=MANAGEMENT_DEVICE)
    connection = ClientConnection(parameters, WrapperFraming(PUBLIC_CLIENT, MANAGEMENT_DEVICE))
    link = Link(f"at {stream.place}", connection, stream, counters=None, time_left=patience, timed=False)
    try:
        associated = await link.associate()
        answer = await link.ask(GetRequestNormal(INVOKE, LOGICAL_DEVICE_NAME))
        await link.release()
        name = _name(answer.result)
    except RemoteError as error:
        raise MeterMisbehaved(f"caller at {stream.place}: {error}") from error
    finally:
        link.close()
    # The release may close the stream at once, or in the next turn of the loop.
    await asyncio.sleep(0)
    return Claim(name, associated.peer_system_title)


def _name(result: object) -> str | None:
    if not isinstance(result, EncodedData):
        return None
    return as_text(result.decode())[:LONGEST_NAME]
