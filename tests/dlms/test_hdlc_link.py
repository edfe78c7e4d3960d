import pytest

from headend.dlms.errors import LocalError, RemoteError
from headend.dlms.hdlc import (
    Frame,
    HdlcFraming,
    HdlcServerFraming,
    Kind,
    LinkParameters,
    client_address,
    decode_frames,
    encode_frame,
    server_address,
)
from headend.dlms.hdlc.control import information, supervisory, unnumbered
from headend.dlms.hdlc.link import LARGEST_APDU
from headend.dlms.hdlc.parameters import DEFAULT_PARAMETERS, encode_all_parameters

CLIENT, SERVER = client_address(16), server_address(1, 17)
COMMAND, RESPONSE = b"\xe6\xe6\x00", b"\xe6\xe7\x00"


def ours(control, info=b"", *, segmented=False, source=CLIENT, destination=SERVER):
    return encode_frame(Frame(destination, source, control, info, segmented))


def theirs(control, info=b"", *, segmented=False, source=SERVER, destination=CLIENT):
    return encode_frame(Frame(destination, source, control, info, segmented))


def names(octets):
    return [frame.kind.name for frame in decode_frames(octets)]


def connected_client(parameters=DEFAULT_PARAMETERS):
    client = HdlcFraming(16, 1, 17, parameters=parameters)
    client.connect()
    client.take_output()
    assert client.feed(theirs(0x73, encode_all_parameters(LinkParameters(2030, 2030, 7, 7)))) == []
    assert client.connected
    return client


def connected_server(parameters=DEFAULT_PARAMETERS, snrm=b""):
    server = HdlcServerFraming(1, 17, parameters=parameters)
    assert server.feed(ours(0x93, snrm)) == []
    assert names(server.take_output()) == ["UA"]
    return server


def test_set_up_and_take_down():
    client, server = HdlcFraming(16, 1, 17), HdlcServerFraming(1, 17)
    client.connect()
    assert client.waiting
    assert not client.connected
    snrm = client.take_output()
    assert snrm == ours(0x93)
    server.feed(snrm)
    client.feed(server.take_output())
    assert client.connected
    assert server.connected
    assert not client.waiting
    assert server.link_epoch(16) == 1
    client.disconnect()
    disc = client.take_output()
    assert disc == ours(0x53)
    server.feed(disc)
    assert not server.connected
    assert server.link_epoch(16) is None
    client.feed(server.take_output())
    assert not client.connected
    assert not client.waiting
    client.connect()
    assert names(client.take_output()) == ["SNRM"]


def test_parameters_are_negotiated_to_the_smaller_of_each_pair():
    client = HdlcFraming(16, 1, 17, parameters=LinkParameters(512, 1024, 7, 3))
    server = HdlcServerFraming(1, 17, parameters=LinkParameters(256, 2030, 2, 5))
    client.connect()
    server.feed(client.take_output())
    client.feed(server.take_output())
    assert client.parameters == LinkParameters(512, 256, 5, 2)


def test_a_ua_to_disc_may_carry_parameters():
    client = connected_client()
    client.disconnect()
    client.take_output()
    client.feed(theirs(0x73, bytes.fromhex("8180140502008006020080070400000001080400000001")))
    assert not client.connected
    assert not client.waiting


def test_a_server_answers_disc_with_ua_and_its_parameters_and_then_with_dm():
    server = connected_server()
    server.feed(ours(0x53))
    assert server.take_output() == theirs(0x73, encode_all_parameters(DEFAULT_PARAMETERS))
    server.feed(ours(0x53))
    assert server.take_output() == theirs(0x1F)


def test_dm_answers_disc_where_the_link_was_down_already():
    client = connected_client()
    client.disconnect()
    client.feed(theirs(0x1F))
    assert not client.waiting


def test_what_is_queued_during_set_up_goes_out_with_the_link():
    client = HdlcFraming(16, 1, 17)
    client.connect()
    client.wrap(b"aarq")
    client.take_output()
    client.feed(theirs(0x73))
    assert client.take_output() == ours(0x10, COMMAND + b"aarq")


def test_sending_without_a_link_is_our_fault():
    client = HdlcFraming(16, 1, 17)
    with pytest.raises(LocalError):
        client.wrap(b"x")
    server = HdlcServerFraming(1, 17)
    with pytest.raises(LocalError):
        server.wrap(b"x")
    client.connect()
    with pytest.raises(LocalError):
        client.connect()


def test_a_refused_link_is_the_meters_word():
    client = HdlcFraming(16, 1, 17)
    client.connect()
    with pytest.raises(RemoteError, match="refuses"):
        client.feed(theirs(0x1F))
    client.connect()
    assert names(client.take_output()) == ["SNRM", "SNRM"]


def test_snrm_is_repeated_and_then_given_up():
    client = HdlcFraming(16, 1, 17)
    client.connect()
    client.timeout()
    client.timeout()
    assert names(client.take_output()) == ["SNRM"] * 3
    with pytest.raises(RemoteError, match="SNRM"):
        client.timeout()
    assert not client.waiting


def test_disc_is_repeated_and_then_the_link_is_just_down():
    client = connected_client()
    client.disconnect()
    for _ in range(3):
        client.timeout()
    assert names(client.take_output()) == ["DISC"] * 3
    assert not client.waiting


def test_the_llc_header_stands_in_the_first_segment_only():
    client = connected_client()
    client.wrap(bytes(range(200)))
    assert client.take_output() == ours(0x10, COMMAND + bytes(range(125)), segmented=True)
    assert client.feed(theirs(0x31)) == []
    assert client.take_output() == ours(0x12, bytes(range(125, 200)))
    assert client.feed(theirs(0x50, RESPONSE + b"first", segmented=True)) == []
    assert client.take_output() == ours(0x31)
    assert client.feed(theirs(0x52, b"second")) == [b"firstsecond"]
    assert client.take_output() == b""
    assert not client.waiting


def test_a_window_is_sent_with_one_poll_at_its_end():
    client = connected_client(LinkParameters(10, 10, 3, 3))
    client.wrap(bytes(30))
    frames = decode_frames(client.take_output())
    assert [(frame.send, frame.poll_final, frame.segmented) for frame in frames] == [
        (0, False, True),
        (1, False, True),
        (2, True, True),
    ]
    client.feed(theirs(0x71))
    assert [(frame.send, frame.poll_final, frame.segmented) for frame in decode_frames(client.take_output())] == [
        (3, True, False)
    ]


def test_only_what_was_not_confirmed_is_repeated():
    client = connected_client(LinkParameters(10, 10, 3, 3))
    client.wrap(bytes(30))
    client.take_output()
    client.feed(theirs(0x31))  # N(R) 1: frame 0 arrived
    assert [frame.send for frame in decode_frames(client.take_output())] == [1, 2]


def test_rej_repeats_as_rr_does():
    client = connected_client(LinkParameters(10, 10, 3, 3))
    client.wrap(bytes(30))
    client.take_output()
    client.feed(theirs(supervisory(Kind.REJ, 2)))
    assert [frame.send for frame in decode_frames(client.take_output())] == [2]


def test_a_request_is_never_repeated_because_time_passed():
    """A lost answer must not make the meter act twice: the client asks where it stands."""
    client, server = connected_client(), connected_server()
    client.wrap(b"open the relay")
    assert server.feed(client.take_output()) == [b"open the relay"]
    server.wrap(b"done")
    server.take_output()  # lost
    client.timeout()
    poll = client.take_output()
    assert poll == ours(0x11)
    assert server.feed(poll) == []
    assert client.feed(server.take_output()) == [b"done"]


def test_a_lost_request_is_repeated_once_the_meter_says_it_is_missing():
    client, server = connected_client(), connected_server()
    client.wrap(b"request")
    request = client.take_output()  # lost
    client.timeout()
    server.feed(client.take_output())
    client.feed(server.take_output())
    assert client.take_output() == request
    assert server.feed(request) == [b"request"]
    assert server.feed(request) == []  # and never given twice


def test_a_busy_meter_is_asked_again_and_not_sent_to():
    client = connected_client()
    client.wrap(bytes(200))
    client.take_output()
    client.feed(theirs(supervisory(Kind.RNR, 1)))
    assert client.take_output() == b""
    assert client.waiting
    for _ in range(5):
        client.timeout()
        assert client.take_output() == ours(0x11)
        client.feed(theirs(supervisory(Kind.RNR, 1)))
    client.timeout()
    client.take_output()
    client.feed(theirs(supervisory(Kind.RR, 1)))
    assert names(client.take_output()) == ["I"]


def test_a_meter_that_works_long_may_acknowledge_first():
    client = connected_client()
    client.wrap(b"request")
    client.take_output()
    client.feed(theirs(0x31))
    assert client.take_output() == b""
    assert client.waiting
    client.timeout()
    assert client.take_output() == ours(0x11)
    assert client.feed(theirs(0x30, RESPONSE + b"answer")) == [b"answer"]


def test_a_second_request_waits_for_the_turn():
    client = connected_client()
    client.wrap(b"one")
    client.wrap(b"two")
    assert client.take_output() == ours(0x10, COMMAND + b"one")
    assert client.feed(theirs(0x30, RESPONSE + b"answer")) == [b"answer"]
    assert client.take_output() == ours(0x32, COMMAND + b"two")
    client.feed(theirs(0x51))
    assert client.waiting  # the second answer is still owed
    client.timeout()
    assert client.take_output() == ours(0x31)
    assert client.feed(theirs(0x52, RESPONSE + b"late")) == [b"late"]
    assert not client.waiting


def test_who_can_not_take_frames_says_so():
    client, server = connected_client(), connected_server()
    client.wrap(b"request")
    client.busy = True
    client.feed(theirs(0x30, RESPONSE + b"first", segmented=True))
    assert decode_frames(client.take_output())[-1].kind is Kind.RNR
    server.busy = True
    server.feed(ours(0x10, COMMAND, segmented=True))
    assert server.take_output() == theirs(supervisory(Kind.RNR, 1))
    server.busy = False
    server.feed(ours(0x11))
    assert server.take_output() == theirs(0x31)


def test_a_silent_meter_is_given_up():
    client = connected_client()
    client.wrap(b"request")
    client.timeout()
    client.timeout()
    with pytest.raises(RemoteError, match="no answer"):
        client.timeout()
    assert not client.connected


def test_a_meter_that_never_takes_a_frame_is_given_up_at_once():
    client = connected_client()
    client.wrap(b"request")
    with pytest.raises(RemoteError, match="nothing new"):
        for _ in range(10):
            assert "I" in names(client.take_output())
            client.feed(theirs(0x11))


def test_a_meter_that_never_sends_the_rest_is_given_up():
    client = connected_client()
    client.wrap(b"request")
    client.feed(theirs(0x30, RESPONSE, segmented=True))
    with pytest.raises(RemoteError, match="nothing new"):
        for _ in range(10):
            client.feed(theirs(0x31))


def test_endless_segments_are_refused():
    client = connected_client(LinkParameters(2030, 2030, 1, 1))
    client.wrap(b"request")
    with pytest.raises(RemoteError, match="exceed"):
        for number in range(LARGEST_APDU):
            client.feed(theirs(information(number % 8, 1), RESPONSE + bytes(2000), segmented=True))
    assert not client.connected


def test_an_acknowledgement_of_what_was_not_sent_ends_the_link():
    client = connected_client()
    with pytest.raises(RemoteError, match="not sent"):
        client.feed(theirs(0x71))
    assert not client.connected


@pytest.mark.parametrize("control", [0x1F, 0x97, 0x93, 0x1D])
def test_what_no_server_says_in_a_link_ends_it(control):
    client = connected_client()
    with pytest.raises(RemoteError):
        client.feed(theirs(control))
    assert not client.connected
    client.connect()
    assert client.feed(theirs(0x73)) == []
    assert client.connected


def test_an_apdu_before_a_fault_in_one_chunk_is_given_first():
    client = connected_client()
    client.wrap(b"request")
    assert client.feed(theirs(0x30, RESPONSE + b"answer") + theirs(0x1F)) == [b"answer"]
    assert client.waiting  # so that the fault comes out even if nothing else does
    with pytest.raises(RemoteError, match="left"):
        client.timeout()


@pytest.mark.parametrize("use", [lambda client: client.feed(b""), lambda client: client.wrap(b"next")])
def test_a_fault_that_was_put_off_comes_with_the_next_use(use):
    client = connected_client()
    client.wrap(b"request")
    client.feed(theirs(0x30, RESPONSE + b"answer") + theirs(0x1F))
    with pytest.raises(RemoteError, match="left"):
        use(client)


def test_an_answer_without_llc_header_is_refused():
    client = connected_client()
    client.wrap(b"request")
    with pytest.raises(RemoteError, match="LLC"):
        client.feed(theirs(0x30, b"answer"))


def test_frames_between_others_are_left_alone():
    client = connected_client()
    client.wrap(b"request")
    stray = [
        theirs(0x30, RESPONSE + b"x", source=server_address(1, 18)),
        theirs(0x30, RESPONSE + b"x", source=server_address(2, 17)),
        theirs(0x30, RESPONSE + b"x", destination=client_address(17)),
        client.take_output(),  # an echo of the line
    ]
    assert client.feed(b"".join(stray)) == []
    assert client.strays == 4
    assert client.feed(theirs(0x30, RESPONSE + b"ours")) == [b"ours"]


def test_a_good_frame_behind_a_cut_one_is_found_when_the_timer_ends():
    client = connected_client()
    client.wrap(b"request")
    client.take_output()
    answer = theirs(0x30, RESPONSE + b"answer")
    assert client.feed(theirs(0x30, RESPONSE + bytes(100))[:20] + answer) == []
    assert client.timeout() == [b"answer"]
    assert client.take_output() == b""


def test_unconfirmed_information_needs_no_link():
    client, server = HdlcFraming(16, 1, 17), HdlcServerFraming(1, 17)
    with pytest.raises(LocalError):
        server.wrap_unconfirmed(b"push")
    server.peer = 16
    server.wrap_unconfirmed(bytes(300))
    octets = server.take_output()
    assert [(frame.kind, frame.segmented) for frame in decode_frames(octets)] == [
        (Kind.UI, True),
        (Kind.UI, True),
        (Kind.UI, False),
    ]
    assert client.feed(octets) == [bytes(300)]
    assert client.feed(theirs(0x03, RESPONSE + b"cut ", segmented=True) + theirs(0x03, b"in two")) == [b"cut in two"]
    assert client.feed(theirs(0x03, RESPONSE + b"whole")) == [b"whole"]
    client.wrap_unconfirmed(b"to the meter")
    assert server.feed(client.take_output()) == [b"to the meter"]


def test_a_server_answers_dm_without_a_link_and_only_when_polled():
    server = HdlcServerFraming(1, 17)
    for control in (0x10, 0x11, 0x53, 0x9F):
        server.feed(ours(control, COMMAND + b"x" if control == 0x10 else b""))
        assert server.take_output() == theirs(0x1F)
    server.feed(ours(0x00, COMMAND + b"x"))
    assert server.take_output() == b""


def test_a_new_snrm_voids_the_link_before():
    server = connected_server()
    server.feed(ours(0x10, COMMAND + b"one"))
    server.wrap(bytes(1000))
    server.take_output()
    server.feed(ours(0x93))
    assert names(server.take_output()) == ["UA"]
    assert server.link_epoch(16) == 2
    assert server.feed(ours(0x10, COMMAND + b"two")) == [b"two"]
    server.wrap(b"answer")
    assert server.take_output() == theirs(0x30, RESPONSE + b"answer")


def test_snrm_with_impossible_parameters_is_refused():
    server = HdlcServerFraming(1, 17)
    server.feed(ours(0x93, b"\x81\x80\x03\x05\x01\x00"))
    assert server.take_output() == theirs(0x1F)
    assert not server.connected


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (ours(0x1D), 0x01),
        (ours(0x10, COMMAND + bytes(126)), 0x04),
        (ours(0xF1), 0x08),
        (ours(0x50, COMMAND + b"x"), 0x08),
    ],
)
def test_a_server_rejects_what_it_can_not_take_until_the_link_is_set_up_anew(frame, reason):
    server = connected_server()
    assert server.feed(frame) == []
    (rejection,) = decode_frames(server.take_output())
    assert rejection.kind is Kind.FRMR
    assert rejection.information == bytes((decode_frames(frame)[0].control, 0, reason))
    server.feed(ours(0x11))
    assert decode_frames(server.take_output()) == [rejection]
    server.feed(ours(0x93))
    server.take_output()
    assert server.feed(ours(0x10, COMMAND + b"again")) == [b"again"]


def test_a_server_drops_endless_segments():
    server = connected_server(LinkParameters(2030, 2030, 7, 7), snrm=bytes.fromhex("818008050207ee060207ee"))
    for number in range(LARGEST_APDU // 2000 + 1):
        server.feed(ours(information(number % 8, 0), bytes(2000), segmented=True))
    assert names(server.take_output())[-1] == "FRMR"


def test_a_server_throws_away_what_has_no_llc_header():
    server = connected_server()
    assert server.feed(ours(0x10, b"request")) == []
    assert server.take_output() == theirs(0x31)


def test_a_server_that_works_long_acknowledges_and_answers_at_the_next_poll():
    server = connected_server()
    assert server.feed(ours(0x10, COMMAND + b"request")) == [b"request"]
    assert server.take_output() == b""
    assert server.waiting
    server.timeout()
    assert server.take_output() == theirs(0x31)
    server.wrap(b"answer")
    assert server.take_output() == b""
    server.feed(ours(0x11))
    assert server.take_output() == theirs(0x30, RESPONSE + b"answer")


def test_a_server_repeats_a_lost_answer_before_it_turns_to_the_next_request():
    server = connected_server()
    server.feed(ours(0x10, COMMAND + b"one"))
    server.wrap(b"first answer")
    lost = server.take_output()
    assert server.feed(ours(0x12, COMMAND + b"two")) == [b"two"]  # N(R) 0: the answer did not arrive
    assert decode_frames(server.take_output()) == [decode_frames(lost)[0]._replace(control=information(0, 2))]


def test_a_client_that_sends_is_not_busy_any_more():
    server = connected_server()
    server.feed(ours(0x10, COMMAND + b"one"))
    server.wrap(b"answer")
    server.take_output()
    server.feed(ours(supervisory(Kind.RNR, 0)))
    assert server.take_output() == theirs(0x31)
    server.feed(ours(0x12, COMMAND + b"two"))
    assert names(server.take_output()) == ["I"]


def test_a_server_passes_the_turn_where_no_answer_will_come():
    server = connected_server()
    server.feed(ours(0x10, COMMAND + b"unconfirmed"))
    server.pass_turn()
    assert server.take_output() == theirs(0x31)


def test_a_server_waits_while_the_client_is_busy():
    server = connected_server()
    server.feed(ours(0x10, COMMAND + b"request"))
    server.wrap(bytes(200))
    server.take_output()
    server.feed(ours(supervisory(Kind.RNR, 1)))
    assert server.take_output() == theirs(0x31)
    server.feed(ours(supervisory(Kind.RR, 1)))
    assert names(server.take_output()) == ["I"]


def test_a_server_asks_for_what_is_missing_in_a_window():
    parameters = LinkParameters(10, 10, 3, 3)
    client, server = connected_client(parameters), HdlcServerFraming(1, 17, parameters=parameters)
    snrm = HdlcFraming(16, 1, 17, parameters=parameters)
    snrm.connect()
    server.feed(snrm.take_output())
    server.take_output()
    client.wrap(bytes(range(20)))
    first, second, third = decode_frames(client.take_output())
    server.feed(encode_frame(first) + encode_frame(third))
    assert server.take_output() == theirs(0x31)
    client.feed(theirs(0x31))
    assert decode_frames(client.take_output()) == [second, third]
    assert server.feed(encode_frame(second) + encode_frame(third)) == [bytes(range(20))]


def test_each_client_has_its_own_link_and_the_oldest_gives_way():
    server = HdlcServerFraming(1, 17)
    for sap in range(1, 10):
        server.feed(ours(0x93, source=client_address(sap)))
    assert server.link_epoch(1) is None
    assert server.link_epoch(2) == 1
    found = server.feed_addressed(
        ours(0x10, COMMAND + b"a", source=client_address(2)) + ours(0x10, COMMAND + b"b", source=client_address(3))
    )
    assert found == [(2, b"a"), (3, b"b")]
    server.take_output()
    server.peer = 2
    server.wrap(b"for a")
    assert server.take_output() == theirs(0x30, RESPONSE + b"for a", destination=client_address(2))


@pytest.mark.parametrize("source", [client_address(0), server_address(16, 1), server_address(16, 1, 4)])
def test_what_can_be_no_client_is_left_alone(source):
    server = HdlcServerFraming(1, 17)
    server.feed(ours(0x93, source=source))
    assert server.take_output() == b""
    assert server.strays == 1


def test_a_call_to_all_stations_is_never_answered():
    server = HdlcServerFraming(1, 17)
    everyone = server_address(0x7F, 0x7F)
    assert server.feed(ours(0x93, destination=everyone)) == []
    assert server.feed(ours(0x13, COMMAND + b"set the clock", destination=everyone)) == [b"set the clock"]
    assert server.take_output() == b""
    assert not server.connected


def test_a_calling_address_reaches_the_device_that_calls():
    server = HdlcServerFraming(1, 17)
    calling = server_address(1, 0x7E)
    server.feed(ours(0x93, destination=calling))
    assert server.take_output() == b""
    server.calling = True
    server.feed(ours(0x93, destination=calling))
    (ua,) = decode_frames(server.take_output())
    assert ua.source == SERVER  # it says who it is
    client = HdlcFraming(16, 1, 0x7E)
    client.connect()
    client.feed(encode_frame(ua))
    assert client.connected


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_server_answers_in_the_form_it_was_called_in(size):
    called = server_address(1, None if size == 1 else 17, size)
    server = HdlcServerFraming(1, 17)
    server.feed(ours(0x93, destination=called))
    assert decode_frames(server.take_output())[0].source == called


def test_a_client_may_call_again_in_another_form():
    server = connected_server()
    longer = server_address(1, 17, 4)
    server.feed(ours(0x93, destination=longer))
    assert decode_frames(server.take_output())[0].source == longer
    assert server.feed(ours(0x10, COMMAND + b"x", destination=longer)) == [b"x"]


def test_a_physical_address_of_0_is_an_address():
    server = HdlcServerFraming(1, 0)
    server.feed(ours(0x93, destination=server_address(1, 17)))
    assert server.take_output() == b""
    server.feed(ours(0x93, destination=server_address(1, 0)))
    assert names(server.take_output()) == ["UA"]
    client = HdlcFraming(16, 1, 0)
    client.connect()
    assert decode_frames(client.take_output())[0].destination.lower == 0


def test_control_octets_are_built_as_the_standard_writes_them():
    assert information(2, 5) == 0xB4
    assert information(2, 5, 0) == 0xA4
    assert supervisory(Kind.RNR, 3) == 0x75
    assert unnumbered(Kind.SNRM) == 0x93
