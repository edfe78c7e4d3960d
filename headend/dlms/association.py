"""What an association may do next: one transition table for both roles (Green Book 9.3.2, 9.4.3).

An association lives once. It is asked for, perhaps proves itself in both directions (HLS, four passes), then carries
one confirmed request at a time until it is released, refused, lost or found out. Nothing leads back: what reached
RELEASED, REFUSED, BROKEN or CLOSED is thrown away, because its challenge and its place in the counters are spent.

The table below is the whole truth. An event that it does not list for a state is somebody's fault: ours when the event
is one we cause (`LocalError`, nothing was sent), the peer's when it came from outside (`RemoteError`).
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from headend.dlms.errors import LocalError, RemoteError


class State(IntEnum):
    """Where an association stands, for either role."""

    IDLE = 0  #: nothing asked yet
    ASSOCIATING = 1  #: client: AARQ sent
    AUTHENTICATING = 2  #: HLS passes 3 and 4 are outstanding: nothing else is allowed
    ASSOCIATED = 3  #: ready for a request
    REQUESTING = 4  #: client: a confirmed request waits for its answer; server: a request waits for `respond`
    RELEASING = 5  #: client: RLRQ sent
    RELEASED = 6  #: ended in order
    REFUSED = 7  #: the meter did not accept the association, or HLS failed
    BROKEN = 8  #: the peer broke the rules: nothing more is believed
    CLOSED = 9  #: the stream below ended


class Event(IntEnum):
    """What can happen to an association."""

    ASSOCIATE = 0
    ACCEPTED = 1  #: AARE accepted, no further proof wanted
    CHALLENGED = 2  #: AARE accepted so far, HLS passes 3 and 4 follow
    REJECTED = 3  #: AARE with a reason, or a service error in its place
    PROVEN = 4  #: HLS passes 3 and 4 verified
    DISPROVEN = 5  #: the other side says that pass 3 failed
    REQUEST = 6
    UNCONFIRMED = 7  #: a request without an answer, or a notification
    BLOCK = 8  #: a part of a request or of an answer; nothing is complete yet
    RESPONSE = 9
    RELEASE = 10
    RELEASE_ANSWERED = 11
    FAULT = 12  #: the peer broke a rule
    END = 13  #: end of the stream, or this side lets go of it


Table = Mapping[State, Mapping[Event, State]]

#: Octets may break a rule, and a stream may end, at any time.
_ENDED: Final = {Event.FAULT: State.BROKEN, Event.END: State.CLOSED}
#: What is over stays over; only that it was found out is still noted.
_OVER: Final[Table] = MappingProxyType(
    {
        State.RELEASED: {Event.FAULT: State.BROKEN, Event.END: State.RELEASED},
        State.REFUSED: {Event.FAULT: State.BROKEN, Event.END: State.REFUSED},
        State.BROKEN: {Event.FAULT: State.BROKEN, Event.END: State.BROKEN},
        State.CLOSED: {Event.FAULT: State.CLOSED, Event.END: State.CLOSED},
    }
)

CLIENT: Final[Table] = MappingProxyType(
    {
        State.IDLE: {Event.ASSOCIATE: State.ASSOCIATING, **_ENDED},
        State.ASSOCIATING: {
            Event.ACCEPTED: State.ASSOCIATED,
            Event.CHALLENGED: State.AUTHENTICATING,
            Event.REJECTED: State.REFUSED,
            Event.BLOCK: State.ASSOCIATING,
            **_ENDED,
        },
        State.AUTHENTICATING: {
            Event.PROVEN: State.ASSOCIATED,
            Event.DISPROVEN: State.REFUSED,
            Event.BLOCK: State.AUTHENTICATING,
            **_ENDED,
        },
        State.ASSOCIATED: {
            Event.REQUEST: State.REQUESTING,
            Event.UNCONFIRMED: State.ASSOCIATED,
            Event.BLOCK: State.ASSOCIATED,
            Event.RELEASE: State.RELEASING,
            **_ENDED,
        },
        State.REQUESTING: {
            Event.RESPONSE: State.ASSOCIATED,
            Event.UNCONFIRMED: State.REQUESTING,
            Event.BLOCK: State.REQUESTING,
            **_ENDED,
        },
        # A notification may cross the release on its way.
        State.RELEASING: {
            Event.RELEASE_ANSWERED: State.RELEASED,
            Event.UNCONFIRMED: State.RELEASING,
            Event.BLOCK: State.RELEASING,
            **_ENDED,
        },
        **_OVER,
    }
)

#: A server holds one of these for each client that knocks; a new AARQ begins a new one.
SERVER: Final[Table] = MappingProxyType(
    {
        State.IDLE: {
            Event.ACCEPTED: State.ASSOCIATED,
            Event.CHALLENGED: State.AUTHENTICATING,
            Event.REJECTED: State.REFUSED,
            **_ENDED,
        },
        State.AUTHENTICATING: {
            Event.PROVEN: State.ASSOCIATED,
            Event.DISPROVEN: State.REFUSED,
            Event.BLOCK: State.AUTHENTICATING,
            Event.RELEASE: State.RELEASED,
            **_ENDED,
        },
        State.ASSOCIATED: {
            Event.REQUEST: State.REQUESTING,
            Event.UNCONFIRMED: State.ASSOCIATED,
            Event.BLOCK: State.ASSOCIATED,
            Event.RELEASE: State.RELEASED,
            **_ENDED,
        },
        State.REQUESTING: {
            Event.RESPONSE: State.ASSOCIATED,
            Event.UNCONFIRMED: State.REQUESTING,
            Event.BLOCK: State.REQUESTING,
            Event.RELEASE: State.RELEASED,
            **_ENDED,
        },
        **_OVER,
    }
)


def ours(table: Table, state: State, event: Event) -> State:
    """The state after an event that this side causes; `LocalError` if the table has none."""
    try:
        return table[state][event]
    except KeyError:
        raise LocalError(f"{event.name.lower()} is not possible while {state.name.lower()}") from None


def theirs(table: Table, state: State, event: Event) -> State:
    """The state after an event that the peer caused; `RemoteError` if the table has none."""
    try:
        return table[state][event]
    except KeyError:
        raise RemoteError(f"the peer sent {event.name.lower()} while {state.name.lower()}") from None
