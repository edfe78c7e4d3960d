import errno
import socket

#: What an operator understands, for what the system says.
_REASONS = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ETIMEDOUT: "timed out: no answer from that address",
    errno.EHOSTUNREACH: "no route to that host",
    errno.ENETUNREACH: "no route to that network",
    errno.ECONNRESET: "the other end reset the connection",
    errno.ECONNABORTED: "the connection was aborted",
    errno.EPIPE: "the other end closed the connection",
    errno.ENOENT: "no such device",
    errno.EACCES: "permission denied: may this user open it (for a serial port, group dialout)?",
    errno.EPERM: "permission denied",
    errno.EBUSY: "the device is in use by another program",
    errno.EAGAIN: "the device is in use by another program",
    errno.EIO: "the device is gone or gives errors",
    errno.EADDRINUSE: "the port is in use by another program",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EMFILE: "this process has no more file descriptors: raise its limit (ulimit -n)",
    errno.ENFILE: "this machine has no more file descriptors",
}


def reason(error: BaseException) -> str:
    """Why `error` happened, in words for an operator."""
    if isinstance(error, socket.gaierror):
        return "name not found: check the host name and the name server"
    if isinstance(error, TimeoutError) and getattr(error, "errno", None) is None:
        return _REASONS[errno.ETIMEDOUT]
    number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if isinstance(number, int):
        return _REASONS.get(number) or f"{errno.errorcode.get(number, number)}"
    return str(error) or type(error).__name__
