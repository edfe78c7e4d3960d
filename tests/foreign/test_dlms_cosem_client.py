"""dlms-cosem 21.3.2, an implementation that is not ours, reads a running simulator."""

import socket
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from dlms_cosem import cosem, enumerations, utils
from dlms_cosem.clients.blocking_tcp_transport import BlockingTcpTransport
from dlms_cosem.clients.dlms_client import DataResultError, DlmsClient
from dlms_cosem.clients.hdlc_transport import SerialHdlcTransport
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor
from dlms_cosem.time import datetime_from_bytes

from simulator.associations import Role
from simulator.identity import derive_keys

pytestmark = pytest.mark.foreign

SEED = 7
INDIA = timezone(timedelta(hours=5, minutes=30))
CLOCK = cosem.CosemAttribute(enumerations.CosemInterface.CLOCK, cosem.Obis(0, 0, 1, 0, 0), 2)
BLOCK_LOAD = cosem.CosemAttribute(enumerations.CosemInterface.PROFILE_GENERIC, cosem.Obis(1, 0, 99, 1, 0), 2)

#: Counters only ever grow under one key: each session starts above what those before it may have used.
COUNTERS = count(1000, 1000)


class SocketAsSerial:
    """What dlms-cosem's HDLC transport asks of a serial port, on a TCP connection.

    It reads up to a flag, tries what it has, and reads on. Where a frame check sequence ends in the octet of a flag it
    takes the closing flag for an opening one and waits for ever. So a read ends here where the frame does: at its
    opening flag, then at its closing one; then come as many empty reads as it needs to try every flag inside.
    """

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._held = b""
        self._opened = False
        self._tries = 0

    def write(self, octets):
        self._socket.sendall(octets)

    def read_until(self, end):
        assert end == b"\x7e"
        if self._tries:
            self._tries -= 1
            return b""
        self._opened = not self._opened
        if self._opened:
            flag = self._take(1)
            assert flag == end
            return flag
        header = self._peek(2)
        # The length in the format field counts everything between the flags.
        frame = self._take(((header[0] & 0x07) << 8 | header[1]) + 1)
        self._tries = frame.count(end) - 1
        return frame

    def _take(self, size):
        taken = self._peek(size)
        self._held = self._held[size:]
        return taken

    def _peek(self, size):
        while len(self._held) < size:
            received = self._socket.recv(4096)
            assert received, "the simulator hung up"
            self._held += received
        return self._held[:size]

    def close(self):
        self._socket.close()


@contextmanager
def session(io_interface):
    keys = derive_keys(SEED, 1, Role.SETTING)
    client = DlmsClient(
        client_logical_address=48,
        server_logical_address=1,
        io_interface=io_interface,
        authentication_method=enumerations.AuthenticationMechanism.HLS_GMAC,
        encryption_key=keys.encryption,
        authentication_key=keys.authentication,
        client_system_title=b"HED00001",
        client_initial_invocation_counter=next(COUNTERS),
    )
    client.connect()
    client.associate()
    yield client
    client.release_association()


@contextmanager
def over_wrapper(simulator):
    transport = BlockingTcpTransport("127.0.0.1", simulator.port, client_logical_address=48, server_logical_address=1)
    with session(transport) as client:
        yield client
    transport.disconnect()


@contextmanager
def over_hdlc(simulator):
    line = SocketAsSerial(simulator.port)
    transport = SerialHdlcTransport(
        client_logical_address=48, server_logical_address=1, serial_port="", serial=line, server_physical_address=None
    )
    with session(transport) as client:
        yield client
    transport.disconnect()
    line.close()


@pytest.fixture(params=[over_wrapper, over_hdlc], ids=["wrapper", "hdlc"], scope="module")
def client(request):
    simulator = request.getfixturevalue("wrapper_simulator" if request.param is over_wrapper else "hdlc_simulator")
    with request.param(simulator) as client:
        yield client


def value(client, interface, obis, attribute=2):
    return utils.parse_as_dlms_data(client.get(cosem.CosemAttribute(interface, cosem.Obis(*obis), attribute)))


def test_it_reads_who_the_meter_is(client):
    data = enumerations.CosemInterface.DATA
    assert bytes(value(client, data, (0, 0, 42, 0, 0))) == b"SIM10000001"
    assert bytes(value(client, data, (0, 0, 96, 1, 0))) == b"10000001"


def test_it_reads_the_clock_in_the_zone_of_india(client):
    moment, status = datetime_from_bytes(bytes(utils.parse_as_dlms_data(client.get(CLOCK))))
    assert moment.utcoffset() == timedelta(hours=5, minutes=30)
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)
    assert status.invalid is False


def test_it_reads_registers_with_their_scalers(client):
    register = enumerations.CosemInterface.REGISTER
    assert 20_000 < value(client, register, (1, 0, 12, 7, 0)) < 26_000
    assert value(client, register, (1, 0, 12, 7, 0), 3) == [-2, 35]
    assert value(client, register, (1, 0, 1, 8, 0)) > 100_000
    assert value(client, register, (1, 0, 1, 8, 0), 3) == [1, 30]


def test_it_reads_a_day_of_block_load_by_range(client):
    end = datetime.now(INDIA).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=1)
    rows = utils.parse_as_dlms_data(
        client.get(BLOCK_LOAD, RangeDescriptor(CaptureObject(CLOCK), start + timedelta(minutes=30), end))
    )
    moments = [datetime_from_bytes(bytes(row[0]))[0] for row in rows]
    assert moments == [start + timedelta(minutes=30 * slot) for slot in range(1, 49)]
    assert all(len(row) == 8 and row[2] > 0 for row in rows)


def test_it_finds_the_relay_closed(client):
    obis = cosem.Obis(0, 0, 96, 3, 10)
    relay = enumerations.CosemInterface.DISCONNECT_CONTROL
    assert client.get(cosem.CosemAttribute(relay, obis, 2)) == b"\x03\x01"
    assert client.get(cosem.CosemAttribute(relay, obis, 3)) == b"\x16\x01"


@pytest.mark.parametrize(("role", "password"), [(Role.READER, True), (Role.PUBLIC, False)])
def test_it_reads_as_a_client_without_ciphering(wrapper_simulator, role, password):
    client = DlmsClient.with_tcp_transport(
        "127.0.0.1",
        wrapper_simulator.port,
        client_logical_address=role.value,
        server_logical_address=1,
        authentication_method=enumerations.AuthenticationMechanism.LLS if password else None,
        password=derive_keys(SEED, 1, role).secret if password else None,
    )
    with client.session():
        data = enumerations.CosemInterface.DATA
        assert bytes(value(client, data, (0, 0, 96, 1, 0))) == b"10000001"
        assert value(client, data, (0, 0, 43, 1, 3)) >= 0
        with pytest.raises(DataResultError):
            client.get(cosem.CosemAttribute(enumerations.CosemInterface.ASSOCIATION_LN, cosem.Obis(0, 0, 40, 0, 0), 7))
