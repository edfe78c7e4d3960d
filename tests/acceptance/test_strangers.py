"""Ten thousand pushes from peers that nobody knows: the daemon stays as it is, and known meters are heard."""

import contextlib
import socket
from pathlib import Path

STRANGERS = 10_000
#: After so many everything that is made once has been made.
SETTLED = 2_000
#: A ciphered push under a title of nobody, a push in clear, half a header, and what is no push at all.
NOISE = (
    lambda n: _framed(bytes.fromhex(f"db08{n + 1:016x}1d30{n:08x}" + "5a" * 24)),
    lambda n: _framed(bytes.fromhex("0f00000001" + "00") + bytes((2, 2, 9, 4)) + n.to_bytes(4, "big") + b"\x11\x01"),
    lambda n: b"\x00\x01\x00\x40"[: n % 5],
    lambda n: b"GET /%d HTTP/1.1\r\n\r\n" % n,
)
SETTINGS = """
[listen]
push = "127.0.0.1:0"
push_udp = "127.0.0.1:0"
"""


def _framed(apdu):
    return (
        (1).to_bytes(2, "big") + (64).to_bytes(2, "big") + (1).to_bytes(2, "big") + len(apdu).to_bytes(2, "big") + apdu
    )


def test_ten_thousand_pushes_from_strangers_cost_nothing_that_stays_and_known_meters_are_heard(one_meter):
    site, serial, _ = one_meter
    site.configure(mode="notify", extra=SETTINGS)
    site.start_daemon()
    assert site.headend("read", serial).exit_code == 0
    push, datagrams = site.port("push"), site.port("push_udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(SETTLED):
            _stranger(number, push, sender, datagrams)
        _hear(site, serial, push, 1)
        sockets, resident = _settled(site), _resident(site)
        for number in range(SETTLED, STRANGERS):
            _stranger(number, push, sender, datagrams)
            if number == STRANGERS // 2:
                _hear(site, serial, push, 2)
        _hear(site, serial, push, 3)
    site.until(lambda: _sockets(site) <= sockets)
    assert _resident(site) < 1.05 * resident
    assert site.stop_daemon() == 0
    (figures,) = [line for line in site.daemon_log() if line.get("event") == "listened"]
    assert figures["pushes"]["push.received"] == 3
    # A quarter of them hung up before they had said anything.
    assert figures["pushes"]["refused"] + figures["pushes"]["broken streams"] >= STRANGERS * 3 // 4
    assert len((site.folder / "daemon.log").read_text().splitlines()) < STRANGERS // 10, "the log is not flooded"


def _stranger(number, push, sender, datagrams):
    """One push over a connection of its own from an address of its own, and every third as a datagram too."""
    octets = NOISE[number % len(NOISE)](number)
    here = (f"127.{1 + number % 100}.{number // 100 % 250}.9", 0)
    with socket.create_connection(("127.0.0.1", push), 30, source_address=here) as connection:
        connection.sendall(octets)
    if number % 3 == 0:
        sender.sendto(octets or b"\x00", ("127.0.0.1", datagrams))


def _hear(site, serial, push, count):
    site.ask("push", serial=serial, port=push)
    site.until(lambda: len(site.events("push.received")) == count)


def _sockets(site):
    """Handles that strangers could leave behind; files of the database are opened when a reader first needs them."""
    found = 0
    for handle in Path(f"/proc/{site.daemon.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += str(handle.readlink()).startswith("socket:")
    return found


def _settled(site):
    """Once what the strangers left is closed: the same number twice."""
    seen = []
    return site.until(lambda: seen.append(_sockets(site)) or (len(seen) > 3 and len(set(seen[-3:])) == 1 and seen[-1]))


def _resident(site):
    return int(Path(f"/proc/{site.daemon.pid}/statm").read_text().split()[1])
