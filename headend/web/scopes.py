"""What a token may be good for."""

from typing import Final

#: Scope, and what it means in words.
SCOPES: Final[dict[str, str]] = {
    "meters:read": "meters, readings, coverage",
    "commands:read": "commands and their evidence",
    "commands:write": "reconnect, disconnect, read now",
    "accounts:read": "accounts, ledger, notices",
    "accounts:write": "recharges",
    "events:read": "events as they happen",
    "policy:read": "rules tried on past decisions",
    "cim": "IEC 61968-9 messages",
}
