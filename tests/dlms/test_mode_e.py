import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.errors import LocalError, RemoteError
from headend.dlms.mode_e import Identification, LineSetting, ModeEClient, ModeEServer


def steps(side):
    taken = []
    while (step := side.next_step()) is not None:
        taken.append(step)
    return taken


def odd_ones_with_parity(octets):
    """The octets with even parity in their eighth bit, as a head that does not strip it hands them over."""
    return bytes(octet | (octet.bit_count() & 1) << 7 for octet in octets)


def test_the_opening_to_the_octet():
    client = ModeEClient(fastest=9600)
    assert steps(client) == [LineSetting(300, 7, "even"), b"/?!\r\n"]
    client.feed(b"/HDE5\\2METER-1\r\n")
    assert client.identification == Identification("HDE", 9600, "METER-1")
    assert steps(client) == [0.2, b"\x06252\r\n", LineSetting(9600, 7, "even")]
    assert not client.done
    client.feed(b"\x06252\r\n")
    assert steps(client) == [LineSetting(9600, 8, "none")]
    assert client.done


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("fastest", [300, 2400, 9600, 19200])
@pytest.mark.parametrize("dress", [bytes, odd_ones_with_parity])
def test_both_roles_open_together(chunk, fastest, dress):
    client = ModeEClient("17", fastest=fastest)
    server = ModeEServer("HDE", "METER-1", device_address="0017", fastest=9600)
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            said = b"".join(dress(step) for step in steps_and_lines(one) if isinstance(step, bytes))
            for at in range(0, len(said), chunk):
                other.feed(said[at : at + chunk])
    assert client.done
    assert server.done
    assert client.line == server.line == LineSetting(min(fastest, 9600), 8, "none")


def steps_and_lines(side):
    taken = steps(side)
    for step in taken:
        if isinstance(step, LineSetting):
            side.line = step
    return taken


def test_noise_before_the_identification_is_left_out():
    client = ModeEClient()
    client.feed(b"\x00\xff/?!\r\n\x15/HDE6\\2X\r\n")
    assert client.identification == Identification("HDE", 19200, "X")


def test_the_slower_of_both_rates_is_taken():
    client = ModeEClient(fastest=2400)
    client.feed(b"/HDE5\\2X\r\n")
    assert LineSetting(2400, 7, "even") in steps(client)


def test_a_meter_that_leaves_the_confirmation_out_is_no_fault():
    client = ModeEClient()
    client.feed(b"/HDE5\\2X\r\n")
    client.timeout()
    assert client.done
    assert steps(client)[-1] == LineSetting(9600, 8, "none")


def test_a_silent_meter_is_asked_three_times():
    client = ModeEClient()
    client.timeout()
    client.timeout()
    assert steps(client).count(b"/?!\r\n") == 3
    with pytest.raises(RemoteError, match="does not answer"):
        client.timeout()


@pytest.mark.parametrize(
    ("identification", "reason"), [(b"/HDE5METER\r\n", "does not offer"), (b"/HDEA\\2METER\r\n", "no rate")]
)
def test_a_meter_without_hdlc_or_rate_is_refused(identification, reason):
    with pytest.raises(RemoteError, match=reason):
        ModeEClient().feed(identification)


def test_further_capabilities_do_not_hide_hdlc():
    client = ModeEClient()
    client.feed(b"/HDE5\\@\\2METER\r\n")
    assert client.identification == Identification("HDE", 9600, "METER")


def test_a_meter_keeps_quiet_for_another_address():
    server = ModeEServer("HDE", "METER-1", device_address="17")
    steps(server)
    server.feed(b"/?18!\r\n")
    assert steps(server) == []
    server.feed(b"/?0017!\r\n")
    assert steps(server) == [0.2, b"/HDE5\\2METER-1\r\n"]


@pytest.mark.parametrize("option", [b"\x06050\r\n", b"\x06262\r\n", b"\x062x2\r\n", b"\x062\xff2\r\n"])
def test_a_meter_starts_again_on_an_option_it_does_not_offer(option):
    server = ModeEServer("HDE", "METER-1")
    server.feed(b"/?!\r\n")
    steps(server)
    server.feed(option)
    assert not server.done
    assert steps(server) == [LineSetting(300, 7, "even")]
    server.feed(b"/?!\r\n")
    assert b"/HDE5\\2METER-1\r\n" in steps(server)


def test_a_meter_waits_for_ever_but_not_in_the_middle():
    server = ModeEServer("HDE", "METER-1")
    assert server.patience is None
    server.feed(b"/?!\r\n")
    assert server.patience is not None
    server.timeout()
    assert server.patience is None


def test_impossible_settings_are_our_fault():
    for make in (
        lambda: ModeEClient("a/b"),
        lambda: ModeEClient("é"),
        lambda: ModeEClient(fastest=1234),
        lambda: ModeEServer("TOOLONG", "X"),
        lambda: ModeEServer("HDE", "X" * 17),
        lambda: ModeEServer("HDE", "X", fastest=1234),
    ):
        with pytest.raises(LocalError):
            make()


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([b"/HDE5\\2", b"\r\n", b"\x06", b"/?", b"!\r\n"]), max_size=30)
)
def test_any_octets_open_nothing_or_are_refused(chunks):
    for side in (ModeEClient(), ModeEServer("HDE", "X")):
        for chunk in chunks:
            try:
                side.feed(chunk)
            except RemoteError:
                break
            assert len(side._held) <= 128
            steps(side)
