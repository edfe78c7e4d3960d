"""Words to systemd: one datagram each to the socket that it names (sd_notify); silence where nobody named one."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from attrs import frozen

SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG_US: Final = "WATCHDOG_USEC"
WATCHDOG_PID: Final = "WATCHDOG_PID"


@frozen
class ServiceManager:
    """Who started us as a service, if anybody did: `address` of its socket, and how often (s) it wants to hear."""

    address: str | None = None
    watchdog_s: float | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> "ServiceManager":
        """As the environment tells; a watchdog that is meant for another process is not ours."""
        wanted = environment.get(WATCHDOG_US, "")
        ours = environment.get(WATCHDOG_PID, str(pid)) == str(pid)
        seconds = int(wanted) / 1e6 if ours and wanted.isdecimal() and int(wanted) else None
        return cls(environment.get(SOCKET) or None, seconds)

    def say(self, *words: str) -> None:
        """Send words such as READY=1; one that can't be sent is lost, since the service must not fail by it."""
        if self.address is None:
            return
        # An abstract socket is written with @ in the environment, and with a zero octet to the kernel.
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(0)
            line.sendto("\n".join(words).encode(), address)


def service_manager() -> ServiceManager:
    """The service manager of this process."""
    return ServiceManager.of(os.environ, os.getpid())
