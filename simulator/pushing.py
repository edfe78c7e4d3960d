"""A meter talks by itself: a push setup's values in a DataNotification, ciphered or in clear, over TCP or UDP."""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from attrs import define, field

from headend.dlms.apdu import DataNotification, GeneralGloCiphering
from headend.dlms.axdr import EncodedData
from headend.dlms.security import KeyContext, protect
from headend.dlms.wrapper import encode_wrapper
from simulator import octets
from simulator.associations import Role
from simulator.keyed import Nonces
from simulator.meter import Meter
from simulator.orders import Push
from simulator.push_setups import ALERT, INSTANTANEOUS, PUSHED
from simulator.tree import TREES

_SETUPS: Final = {"instantaneous": INSTANTANEOUS, "alert": ALERT}
#: Authenticated and encrypted, suite 0.
_SECURITY_CONTROL: Final = 0x30
_MANAGEMENT_DEVICE: Final = 1


@define(eq=False)
class Pusher:
    """Sends pushes, and remembers each meter's last to send it again."""

    nonces: Nonces
    _last: dict[int, bytes] = field(init=False, factory=dict)
    _sending: set[asyncio.Task[None]] = field(init=False, factory=set)

    def push(self, meter: Meter, order: Push) -> int:
        """Send what `order` says; how many octets. ValueError where there is nothing to send again."""
        number = meter.identity.number
        if order.again:
            if number not in self._last:
                raise ValueError(f"meter {meter.identity.serial} has pushed nothing yet")
        else:
            apdu = notification(meter, order.kind)
            if not order.plain:
                apdu = self._ciphered(meter, apdu)
            self._last[number] = encode_wrapper(_MANAGEMENT_DEVICE, Role.PUSH, apdu)
        sent = self._last[number]
        self._send(order, sent)
        return len(sent)

    def _ciphered(self, meter: Meter, apdu: bytes) -> bytes:
        keys = meter.keys(Role.PUSH)
        title = meter.identity.system_title
        counter = next(self.nonces.counters(meter, Role.PUSH))
        context = KeyContext(keys.encryption, keys.authentication)
        sealed = protect(context, title, _SECURITY_CONTROL, counter, apdu)
        return GeneralGloCiphering(title, _SECURITY_CONTROL, counter, sealed).encode()

    def _send(self, order: Push, sent: bytes) -> None:
        if order.transport == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(sent, (order.host, order.port))
            return
        task = asyncio.get_running_loop().create_task(_send_over_tcp(order.host, order.port, sent))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


def notification(meter: Meter, kind: str) -> bytes:
    """The DataNotification of a push setup, in clear, with the values as they are now."""
    return DataNotification(1, b"", EncodedData(body(meter, _SETUPS[kind]))).encode()


def body(meter: Meter, setup: bytes) -> bytes:
    """What a push setup sends."""
    values = []
    for address in PUSHED[setup]:
        value = TREES[Role.SETTING].read(meter, Role.SETTING, address, None)
        if not isinstance(value, bytes):
            raise TypeError(f"{address} is pushed and can't be read: {value.name}")
        values.append(value)
    return octets.structure(*values)


async def _send_over_tcp(host: str, port: int, sent: bytes) -> None:
    """A meter can do nothing about a head-end that does not listen."""
    with suppress(OSError):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        writer.close()
        await writer.wait_closed()
