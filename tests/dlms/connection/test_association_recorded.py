"""Our client in the place of one whose session with a real meter was recorded: it says and believes the same."""

from itertools import chain, count

import pytest

from headend.dlms import Ciphering, ClientConnection, ClientParameters, Security, SecurityError, State
from headend.dlms.apdu import GetRequestNormal, GetResponseNormal
from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.enumerations import Authentication, Conformance
from headend.dlms.security import KeyContext
from headend.dlms.wrapper import WrapperFraming, encode_wrapper
from tests.vectors import load

VECTORS = {vector.name: vector for kind in ("acse", "security") for vector in load(kind)}
AARQ = VECTORS["aarq-lls-dedicated-key-circutor-2"]
AARE = VECTORS["aare-ciphered-lgz"]
GET = VECTORS["ded-get-request-clock-1"]
ANSWER = VECTORS["ded-get-response-clock-lgz"]


def landis_client(**changes):
    """The client of the recorded session with a Landis+Gyr meter: password, ciphered, a dedicated key for the rest."""
    keys = AARQ.keys
    fields = {
        "system_title": keys["title"],
        "keys": KeyContext(keys["ek"], keys["ak"]),
        # The recorded client counts from 1 again under the dedicated key; ours never gives a counter twice.
        "counters": chain([89], count(90)),
        "ciphering": Ciphering.DED,
        "peer_system_title": AARE.keys["title"],
    }
    fields.update(changes)
    return ClientConnection(
        ClientParameters(
            client_sap=1,
            authentication=Authentication.LLS,
            secret=bytes.fromhex("4a7553363642435a"),
            dedicated_key=GET.keys["ek"],
            conformance=Conformance(0x00181F),
            max_pdu_size=0x0200,
            security=Security(**fields),
        ),
        WrapperFraming(1, 1),
    )


def test_a_recorded_session_is_said_and_believed_octet_by_octet():
    client = landis_client()
    client.associate()
    assert client.take_output()[8:] == AARQ.octets
    (event,) = client.receive(encode_wrapper(1, 1, AARE.octets))
    assert (event.conformance, event.max_pdu_size) == (Conformance(0x00181F), 250)
    assert client.last_received == 90
    client.send(GetRequestNormal(0xC1, CosemAttribute(8, Obis.parse("0.0.1.0.0.255"), 2)))
    asked = client.take_output()[8:]
    assert (asked[0], len(asked)) == (GET.octets[0], len(GET.octets))
    (answer,) = client.receive(encode_wrapper(1, 1, ANSWER.octets))
    assert isinstance(answer, GetResponseNormal)
    assert answer.result.decode().value.hex() == "07e7020f0311371500800000"
    assert client.state is State.ASSOCIATED


def test_the_recorded_answer_a_second_time_is_a_replay():
    client = landis_client()
    client.associate()
    client.receive(encode_wrapper(1, 1, AARE.octets))
    request = GetRequestNormal(0xC1, CosemAttribute(8, Obis.parse("0.0.1.0.0.255"), 2))
    client.send(request)
    assert len(client.receive(encode_wrapper(1, 1, ANSWER.octets))) == 1
    client.send(request)
    with pytest.raises(SecurityError, match="not above 1"):
        client.receive(encode_wrapper(1, 1, ANSWER.octets))
    assert client.state is State.BROKEN


@pytest.mark.parametrize("changes", [{"last_received": 90}, {"peer_system_title": b"LGZ00001"}, {"policy": 0x10}])
def test_the_recorded_aare_is_refused_by_a_client_that_expects_other_things(changes):
    client = landis_client(**changes)
    client.associate()
    with pytest.raises(SecurityError):
        client.receive(encode_wrapper(1, 1, AARE.octets))
    assert client.last_received == changes.get("last_received", -1)


@pytest.mark.parametrize(
    "vector",
    [vector for vector in load("acse") if not vector.invalid and vector.octets[0] == 0x61],
    ids=str,
)
def test_every_recorded_aare_is_an_event_or_refused_by_a_public_client(vector):
    """A client without keys takes what is in clear and refuses what is not; it is never left in between."""
    client = ClientConnection(ClientParameters(client_sap=16), WrapperFraming(16, 1))
    client.associate()
    try:
        client.receive(encode_wrapper(1, 16, vector.octets))
    except SecurityError:
        assert client.state is State.BROKEN
        return
    accepted = vector.expected["result"] == 0
    assert client.state is (State.ASSOCIATED if accepted else State.REFUSED)
