"""Where events go over MQTT, and what a message looks like.

Topic: `<prefix>/events/<kind, a level for each dot>/<meter, else consumer number, else ->`, for example
`headend/events/relay/disconnected/XX0000012`. Payload: a JSON object with `number` (rises by commit; a subscriber drops
what it has seen, since a message may come twice), `at` (UTC), `kind`, `meter`, `consumer_no` and `data`.
"""

import json
import re
from typing import Final
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from headend.errors import HeadendError
from headend.notify.model import EventRow

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
#: What may not stand in a topic level that is published to.
_UNSAFE: Final = re.compile(r"[/+#\x00-\x1f]")
#: MQTT 3.1.1, 4.7.3.
_LONGEST_TOPIC: Final = 65_535


class MqttAddressError(HeadendError):
    """A broker address that can't be used; the text says why and how one looks."""

    exit_code = 2


@frozen
class MqttSettings:
    """The broker, and the first level of every topic."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = "headend"

    @classmethod
    def parse(cls, url: str, prefix: str = "headend") -> "MqttSettings":
        """From `mqtt://user:password@host:1883` or `mqtts://host`; raises MqttAddressError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise MqttAddressError(f"mqtt: the broker's address has no valid port or host: {error}") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise MqttAddressError("mqtt: the broker's address must look like mqtt://broker:1883 or mqtts://broker")
        if not prefix or any(not level or _UNSAFE.search(level) for level in prefix.split("/")):
            raise MqttAddressError(f"mqtt: {prefix!r} can't begin a topic; write words joined by /, without + and #")
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            prefix=prefix,
        )


def topic_of(prefix: str, row: EventRow) -> str:
    """The topic an event is published under; characters that MQTT reserves are replaced by `_`."""
    levels = [*row.kind.split("."), row.meter or row.consumer_no or "-"]
    return "/".join([prefix, "events", *(_UNSAFE.sub("_", level) for level in levels)])[:_LONGEST_TOPIC]


def payload_of(row: EventRow) -> bytes:
    """The message of an event: UTF-8 JSON."""
    document = {
        "number": row.number,
        "at": row.at.isoformat(),
        "kind": row.kind,
        "meter": row.meter,
        "consumer_no": row.consumer_no,
        "data": json.loads(row.payload),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
