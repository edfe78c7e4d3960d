"""Loaded by a process whose PYTHONPATH leads here: a name server that is away for names of `.hanging.example`."""

import socket
import time

_system = socket.getaddrinfo


def _getaddrinfo(host, *arguments, **options):
    name = host.decode() if isinstance(host, bytes) else host or ""
    if name.endswith(".hanging.example"):
        time.sleep(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return _system(host, *arguments, **options)


socket.getaddrinfo = _getaddrinfo
