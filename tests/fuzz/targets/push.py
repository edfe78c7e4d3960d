"""Pushes from two addresses: APDUs, a length before each, in turns."""

from headend.dlms.push import Push, PushKeys, PushListener, PushRefused
from headend.dlms.security import KeyContext

TITLE = bytes.fromhex("4d4d4d0000bc614e")
KEYS = PushKeys(KeyContext(bytes(range(16)), bytes(range(0xD0, 0xE0))))

SHARE = 3
LONGEST = 384


def run(octets: bytes) -> object:
    listener = PushListener(lambda title: KEYS if title == TITLE else None, takes_plain=True)
    outcomes = []
    at = turn = 0
    while at < len(octets):
        end = at + 1 + octets[at]
        outcome = listener.receive(octets[at + 1 : end], f"peer {turn % 2}", float(turn), system_title=TITLE)
        assert outcome is None or isinstance(outcome, (Push, PushRefused))
        outcomes.append(outcome)
        at = end
        turn += 1
    return outcomes
