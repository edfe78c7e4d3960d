"""Places to listen at, as the configuration writes them."""

from headend.settings import SettingsError

_LARGEST_PORT = 0xFFFF


def host_and_port(key: str, text: str, section: str = "listen") -> tuple[str, int]:
    """`0.0.0.0:4060` or `[::]:4060` as host and port, port 0 for any free one. Raises SettingsError naming the key."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > _LARGEST_PORT:
        raise SettingsError(f"{section}.{key}: {text!r} is no place to listen at; write it like 0.0.0.0:4060")
    return host.removeprefix("[").removesuffix("]"), int(port)
