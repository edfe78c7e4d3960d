"""What a whole session costs a client, without a network: HLS-GMAC, five registers, a profile in blocks, release.

python3 run.py bench association [--quick] [--json]

Every octet of the meter is recorded beforehand, from our own server; each client then goes through the whole session
alone. Both verify every tag and decode every value. How much of it is cryptography says the second line.
"""

import gc
import logging
import tracemalloc
import warnings
from collections.abc import Iterator
from itertools import count
from random import Random

from _figures import Figure, Options, options, pin, report, side_by_side

from headend.dlms import (
    Ciphering,
    ClientConnection,
    ClientParameters,
    RequestReceived,
    Security,
    ServerConnection,
    ServerParameters,
    State,
    prepare,
)
from headend.dlms.apdu import (
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithList,
)
from headend.dlms.axdr import EncodedData, array, double_long_unsigned, encode, long_unsigned, octet_string, structure
from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.enumerations import Authentication
from headend.dlms.rows import decode_rows
from headend.dlms.security import KeyContext, protect, unprotect
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming

SEED = 62056
CLIENT_TITLE, METER_TITLE = bytes.fromhex("4d4d4d0000000001"), bytes.fromhex("4d4d4d0000bc614e")
KEYS = KeyContext(bytes(range(16)), bytes(range(0xD0, 0xE0)))
CHALLENGE, METERS_CHALLENGE = b"C" * 32, b"S" * 32
REGISTERS = [CosemAttribute(3, Obis.parse(f"1.0.{c}.8.0.255"), 2) for c in (1, 2, 9, 10, 5)]
PROFILE = CosemAttribute(7, Obis.parse("1.0.99.1.0.255"), 2)
REQUESTS = [prepare(GetRequestNormal(0xC1, register)) for register in REGISTERS]
PROFILE_REQUEST = prepare(GetRequestNormal(0xC1, PROFILE))
LIST_REQUEST = prepare(GetRequestWithList(0xC1, tuple((register, None) for register in REGISTERS)))
VALUE = EncodedData(encode(double_long_unsigned(123456)))
#: The block size at which the profile takes three blocks.
PDU_SIZE = 900


def profile() -> EncodedData:
    random = Random(SEED)
    return EncodedData(
        encode(
            array(
                *(
                    structure(
                        octet_string(random.randbytes(12)),
                        *(long_unsigned(random.randrange(1 << 16)) for _ in range(3)),
                        *(double_long_unsigned(random.randrange(1 << 32)) for _ in range(4)),
                    )
                    for _ in range(48)
                )
            )
        )
    )


BUFFER = profile()


def new_client(pdu_size: int) -> ClientConnection:
    security = Security(
        system_title=CLIENT_TITLE,
        keys=KEYS,
        counters=count(1),
        peer_system_title=METER_TITLE,
        ciphering=Ciphering.GENERAL_GLO,
    )
    return ClientConnection(
        ClientParameters(
            client_sap=48,
            authentication=Authentication.HLS_GMAC,
            security=security,
            challenge=CHALLENGE,
            max_pdu_size=pdu_size,
        ),
        WrapperFraming(48, 1),
    )


def new_server() -> ServerConnection:
    parameters = ServerParameters(
        authentication=Authentication.HLS_GMAC,
        challenges=iter([METERS_CHALLENGE]),
        security=Security(system_title=METER_TITLE, keys=KEYS, counters=count(1)),
    )
    return ServerConnection({48: parameters}, WrapperServerFraming(1))


def answer(apdu: GetRequestNormal | GetRequestWithList) -> GetResponseNormal | GetResponseWithList:
    if isinstance(apdu, GetRequestWithList):
        return GetResponseWithList(apdu.invoke, (VALUE,) * len(apdu.attributes))
    return GetResponseNormal(apdu.invoke, BUFFER if apdu.attribute == PROFILE else VALUE)


class Recorder:
    """The meter: answers from our server, and keeps what it said."""

    def __init__(self) -> None:
        self.server = new_server()
        self.said: list[bytes] = []

    def __call__(self, octets: bytes) -> bytes:
        for event in self.server.receive(octets):
            if isinstance(event, RequestReceived):
                self.server.respond(answer(event.apdu))
        self.said.append(self.server.take_output())
        return self.said[-1]


def session(client: ClientConnection, meter) -> None:
    """A fresh session as the issue of speed counts it: eleven round trips."""
    client.associate()
    client.receive(meter(client.take_output()))
    client.receive(meter(client.take_output()))
    for request in REQUESTS:
        client.send(request)
        client.receive(meter(client.take_output()))[0].result.decode()
    client.send(PROFILE_REQUEST)
    events = []
    while not events:
        events = client.receive(meter(client.take_output()))
    rows = decode_rows(events[0].result.octets)
    client.release()
    client.receive(meter(client.take_output()))
    assert len(rows) == 48
    assert client.state is State.RELEASED


def visit(client: ClientConnection, meter) -> None:
    """The same work as a visit should do it: one list, one large PDU, five round trips."""
    client.associate()
    client.receive(meter(client.take_output()))
    client.receive(meter(client.take_output()))
    client.send(LIST_REQUEST)
    for result in client.receive(meter(client.take_output()))[0].results:
        result.decode()
    client.send(PROFILE_REQUEST)
    rows = decode_rows(client.receive(meter(client.take_output()))[0].result.octets)
    client.release()
    client.receive(meter(client.take_output()))
    assert len(rows) == 48
    assert client.state is State.RELEASED


def replay(said: list[bytes]):
    turn = iter(said)
    return lambda _: next(turn)


def foreign_session(send) -> None:
    """The same session by dlms-cosem, over a function in place of a network."""
    from dlms_cosem.wrappers import WrapperHeader, WrapperProtocolDataUnit

    class Transport:
        client_logical_address, server_logical_address, timeout = 48, 1, 1

        def connect(self):
            pass

        disconnect = connect

        def send(self, octets):
            pdu = WrapperProtocolDataUnit(octets, WrapperHeader(48, 1, len(octets)))
            return WrapperProtocolDataUnit.from_bytes(send(pdu.to_bytes())).data

    dlms_cosem_session(Transport())


def dlms_cosem_session(transport) -> None:
    """The same session by dlms-cosem, over one of its transports."""
    from dlms_cosem import cosem, enumerations, utils
    from dlms_cosem.clients.dlms_client import DlmsClient

    client = DlmsClient(
        client_logical_address=48,
        server_logical_address=1,
        io_interface=transport,
        authentication_method=enumerations.AuthenticationMechanism.HLS_GMAC,
        encryption_key=KEYS.encryption_key,
        authentication_key=KEYS.authentication_key,
        client_system_title=CLIENT_TITLE,
        client_initial_invocation_counter=1,
        max_pdu_size=PDU_SIZE,
    )
    client.dlms_connection.client_to_meter_challenge = CHALLENGE
    client.associate()
    for register in REGISTERS:
        a, b, c, d, e, f = register.instance.octets
        attribute = cosem.CosemAttribute(enumerations.CosemInterface.REGISTER, cosem.Obis(a, b, c, d, e, f), 2)
        utils.parse_as_dlms_data(client.get(attribute))
    a, b, c, d, e, f = PROFILE.instance.octets
    attribute = cosem.CosemAttribute(enumerations.CosemInterface.PROFILE_GENERIC, cosem.Obis(a, b, c, d, e, f), 2)
    assert len(utils.parse_as_dlms_data(client.get(attribute))) == 48
    client.release_association()


def cryptography_alone(pdus: list[tuple[bool, int]]) -> None:
    """Every call of the cipher that a session can't do without, on octets of the same sizes."""
    for counter, (ours, size) in enumerate(pdus):
        if ours:
            protect(KEYS, CLIENT_TITLE, 0x30, counter, bytes(size))
        else:
            encrypt = KEYS.cipher.encrypt
            iv = METER_TITLE + counter.to_bytes(4, "big")
            plain = encrypt(iv, bytes(size), None)[:-16]
            encrypt(iv, plain, b"0" + KEYS.authentication_key)


def sizes(sent: list[bytes], said: list[bytes]) -> list[tuple[bool, int]]:
    """Who sent a protected APDU, and how many octets of plain APDU were in it, headers taken off roughly."""
    overhead = 8 + 9 + 3 + 5 + 12
    return [(ours, max(1, len(pdu) - overhead)) for pdus, ours in ((sent, True), (said, False)) for pdu in pdus]


def recorded(go, pdu_size: int) -> tuple[list[bytes], list[bytes]]:
    meter, sent = Recorder(), []

    def heard(octets):
        sent.append(octets)
        return meter(octets)

    go(new_client(pdu_size), heard)
    return sent, meter.said


def figures(chosen: Options) -> Iterator[Figure]:
    # As it comes, dlms-cosem also prints each APDU to stderr; that share is left out of its cost.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    sent, said = recorded(session, PDU_SIZE)
    assert len(said) == 11
    _, said_to_visit = recorded(visit, 0xFFFF)
    assert len(said_to_visit) == 5
    foreign = Recorder()
    foreign_session(foreign)
    pdus = sizes(sent, said)
    cost = side_by_side(
        {
            "session": lambda: session(new_client(PDU_SIZE), replay(said)),
            "visit": lambda: visit(new_client(0xFFFF), replay(said_to_visit)),
            "dlms-cosem": lambda: foreign_session(replay(foreign.said)),
            "cryptography": lambda: cryptography_alone(pdus),
            "unprotect": lambda: unprotect(KEYS, METER_TITLE, 0x30, 7, PROTECTED),
        },
        quick=chosen.quick,
    )
    ratio = cost["dlms-cosem"] / cost["session"]
    yield Figure("session of 11 round trips, without a network", cost["session"], "us", "faster than dlms-cosem", ratio)
    ratio = cost["session"] / cost["cryptography"]
    yield Figure("the same", cost["session"], "us", "its cipher calls alone", ratio)
    ratio = cost["visit"] / cost["session"]
    yield Figure("the same work in 5 round trips", cost["visit"], "us", "the session", ratio)
    yield memory(said)


PROTECTED = protect(KEYS, METER_TITLE, 0x30, 7, bytes(100))


def memory(said: list[bytes], connections: int = 200) -> Figure:
    """What one idle association holds: connection, framing, keys' shares of nothing."""

    def associated() -> ClientConnection:
        client, meter = new_client(PDU_SIZE), replay(said)
        client.associate()
        client.receive(meter(client.take_output()))
        client.receive(meter(client.take_output()))
        assert client.state is State.ASSOCIATED
        return client

    associated()
    gc.collect()
    tracemalloc.start()
    kept = [associated() for _ in range(connections)]
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / len(kept) / 1024
    tracemalloc.stop()
    return Figure("memory of an idle association, protocol only", held, "KiB", "8 KiB", held / 8, "<= 1")


if __name__ == "__main__":
    chosen = options()
    pin()
    report(figures(chosen), as_json=chosen.json)
