"""Listening sockets of the meters, and why one can't be had."""

import socket
from errno import EADDRINUSE, EADDRNOTAVAIL, EMFILE

from headend.errors import HeadendError
from simulator.sites import Site

#: Connections that may wait to be accepted: a collection round opens many at once.
BACKLOG = 1024


class ListenError(HeadendError):
    """A port can't be listened on; the text names it and the way out."""


def listening_socket(site: Site) -> socket.socket:
    """A socket that listens at `site`; ListenError if that can't be.

    One file a meter: the event loop, left to open sockets itself, keeps two.
    """
    try:
        return _bound(site)
    except OSError as error:
        raise ListenError(_why_not(site, error)) from error


def _bound(site: Site) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(site.host, site.port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.settimeout(0.0)
        listening.bind(address)
        listening.listen(BACKLOG)  # a port may be bound by one and listened on by another
    except OSError:
        listening.close()
        raise
    return listening


def _why_not(site: Site, error: OSError) -> str:
    if error.errno == EADDRINUSE:
        return f"port {site.port} on {site.host} is in use: choose another with --port, or --port 0 for any free one"
    if error.errno == EADDRNOTAVAIL:
        return f"{site.host} is no address of this machine: choose another with --host"
    if error.errno == EMFILE:
        return "too many open files: raise the limit with `ulimit -n`, or use --gateways or --by-address"
    return f"can't listen on {site.host}, port {site.port}: {error.strerror}"
