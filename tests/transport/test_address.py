import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.transport import AddressError, Medium, Wire, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://10.1.2.3:4059", {"medium": Medium.TCP, "wire": Wire.WRAPPER, "host": "10.1.2.3", "port": 4059}),
        ("tcp://meter.example", {"host": "meter.example", "port": 4059, "place": "tcp://meter.example:4059"}),
        ("tcp://[2001:db8::1]:5000", {"host": "2001:db8::1", "port": 5000, "place": "tcp://[2001:db8::1]:5000"}),
        (
            "tcp://gateway?network=1&physical=0102",
            {"wire": Wire.WRAPPER, "behind": (1, b"\x01\x02"), "physical": None, "place": "tcp://gateway:4059"},
        ),
        ("udp://gateway?network=255&physical=00", {"behind": (255, b"\0")}),
        ("tcp://10.1.2.3", {"behind": None}),
        (
            "hdlc+tcp://gateway:4001?physical=17&network=1&device=0102",
            {"wire": Wire.HDLC, "behind": (1, b"\x01\x02"), "physical": 17, "place": "tcp://gateway:4001"},
        ),
        ("serial:///dev/ttyS1?network=2&device=0A", {"behind": (2, b"\n"), "physical": None, "baud": 9600}),
        ("hdlc+tcp://gateway?physical=17", {"behind": None}),
        ("udp://10.1.2.3", {"medium": Medium.UDP, "wire": Wire.WRAPPER}),
        (
            "hdlc+tcp://gateway:4001?physical=17",
            {"medium": Medium.TCP, "wire": Wire.HDLC, "physical": 17, "place": "tcp://gateway:4001"},
        ),
        ("hdlc+tcp://gateway:4001?physical=0&address_size=4", {"physical": 0, "address_size": 4}),
        ("hdlc+tcp://gateway:4001", {"physical": None, "address_size": None, "information": 128, "window": 1}),
        ("hdlc+tcp://gateway:4001?information=2030&window=7", {"information": 2030, "window": 7}),
        (
            "serial:///dev/ttyUSB0?baud=2400&mode_e=true&physical=17",
            {
                "medium": Medium.SERIAL,
                "wire": Wire.HDLC,
                "device": "/dev/ttyUSB0",
                "baud": 2400,
                "mode_e": True,
                "physical": 17,
                "place": "serial:/dev/ttyUSB0",
            },
        ),
        ("serial:///dev/ttyS1?parity=even", {"baud": 9600, "parity": "even", "mode_e": False}),
        ("memory:meter-17", {"medium": Medium.MEMORY, "wire": Wire.WRAPPER, "device": "meter-17"}),
        ("dial-in:", {"medium": Medium.DIAL_IN, "wire": Wire.WRAPPER, "device": "", "place": "dial-in:"}),
        ("dial-in:10000001", {"device": "10000001", "place": "dial-in:10000001"}),
        ("hdlc+memory:bus?physical=3", {"wire": Wire.HDLC, "device": "bus", "physical": 3, "place": "memory:bus"}),
    ],
)
def test_address(text, expected):
    address = parse_address(text)
    assert {name: getattr(address, name) for name in expected} == expected
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "fault", "way_out"),
    [
        ("", "unknown kind", "tcp, udp"),
        ("10.1.2.3:4059", "unknown kind", "tcp, udp"),
        ("http://10.1.2.3", "unknown kind 'http'", "tcp, udp"),
        ("tcp:10.1.2.3", "host is missing", "tcp://10.1.2.3:4059"),
        ("tcp://:4059", "host is missing", "tcp://10.1.2.3:4059"),
        ("tcp://10.1.2.3:70000", "port is no number", ":4059"),
        ("tcp://10.1.2.3:x", "port is no number", ":4059"),
        ("tcp://10.1.2.3:0", "port 0", "the meter listens on"),
        ("tcp://[::1", "Invalid IPv6", "write it like"),
        ("tcp://10.1.2.3/meter", "'/meter'", "leave it out"),
        ("tcp://10.1.2.3#meter", "#", "leave it"),
        ("tcp://10.1.2.3?window=7", "'window' is not known", "network, physical"),
        ("tcp://10.1.2.3?physical=17", "network is missing", "network=1&physical=0102"),
        ("tcp://10.1.2.3?network=1", "physical is missing", "network=1&physical=0102"),
        ("tcp://10.1.2.3?network=256&physical=01", "network=256", "0 to 255"),
        ("tcp://10.1.2.3?network=1&physical=", "physical=", "in hex, like 0102"),
        ("tcp://10.1.2.3?network=1&physical=1", "physical=1", "in hex, like 0102"),
        ("tcp://10.1.2.3?network=1&physical=01 02", "physical=01 02", "in hex, like 0102"),
        ("tcp://10.1.2.3?network=1&physical=0x02", "physical=0x02", "in hex, like 0102"),
        (f"tcp://10.1.2.3?network=1&physical={'00' * 128}", "physical=00", "in hex, like 0102"),
        ("hdlc+tcp://gateway?network=1", "device is missing", "network=1&device=0102"),
        ("hdlc+tcp://gateway?physical=17&device=0102", "network is missing", "network=1&device=0102"),
        ("hdlc+tcp://gateway?network=1&device=17z", "device=17z", "in hex, like 0102"),
        ("tcp://gateway?network=1&device=0102", "'device' is not known", "network, physical"),
        ("dial-in:1?network=1&physical=01", "'network' is not known", "leave it out"),
        ("hdlc+tcp://gateway?baud=9600", "'baud' is not known", "physical"),
        ("hdlc+tcp://gateway?physical=16384", "physical=16384", "0 to 16383"),
        ("hdlc+tcp://gateway?physical=-1", "physical=-1", "0 to 16383"),
        ("hdlc+tcp://gateway?physical=", "physical=", "0 to 16383"),
        ("hdlc+tcp://gateway?physical=1&physical=2", "twice", "keep one"),
        ("hdlc+tcp://gateway?address_size=3", "address_size=3", "1, 2, 4"),
        ("hdlc+tcp://gateway?information=31", "information=31", "32 to 2030"),
        ("hdlc+tcp://gateway?window=8", "window=8", "1 to 7"),
        ("serial:/", "device is missing", "serial:///dev/ttyUSB0"),
        ("serial://dev/ttyUSB0", "device is missing", "serial:///dev/ttyUSB0"),
        ("serial:///dev/ttyUSB0?baud=1", "baud=1", "300, 600"),
        ("serial:///dev/ttyUSB0?parity=mark", "parity=mark", "none, even or odd"),
        ("serial:///dev/ttyUSB0?mode_e=yes", "mode_e=yes", "true or false"),
        ("memory:", "name is missing", "memory:meter-17"),
    ],
)
def test_a_wrong_address_names_the_fault_and_the_way_out(text, fault, way_out):
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert fault in str(caught.value)
    assert way_out in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(AddressError) as caught:
        parse_address("tcp://user:s3cret@10.1.2.3:4059")
    assert "s3cret" not in str(caught.value)
    assert "key store" in str(caught.value)


@given(
    st.text(max_size=40)
    | st.from_regex(r"(tcp|udp|hdlc\+tcp|serial|memory):[/\[\]a-z0-9:?&=_.@%-]{0,30}", fullmatch=True)
)
def test_any_text_is_an_address_or_refused_as_one(text):
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert parse_address(address.text) == address
