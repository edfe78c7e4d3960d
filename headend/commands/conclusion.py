"""What the relay's own words mean for a command: pure, so that every combination can be tried.

Disconnect control (IC 70, Blue Book 4.5.8): output_state is the contact; control_state is 0 disconnected, 1 connected,
2 ready for reconnection (the contact is open and a button at the meter closes it). An accepted ACTION proves nothing:
only what is read afterwards counts.
"""

from typing import Final

from attrs import frozen

from headend.commands.model import Command, Evidence, State, Target
from headend.dlms.enumerations import ActionResult
from headend.meters.reading import RelayState

CONNECTED: Final = 1
READY_FOR_RECONNECTION: Final = 2
#: Control modes in which remote_reconnect closes the contact with nobody at the meter.
CLOSES_REMOTELY: Final = frozenset({0, 2, 4})
NEVER_DISCONNECTS: Final = 0
#: What the note of a reconnect says that did all it can do; the story of an account knows it by this.
PRESS_BUTTON: Final = "press the button at the meter"
#: A disconnect that was sent this often without effect is given up: the contact is welded or the meter lies.
MOST_FUTILE_CUTS: Final = 3

_RESULTS_WORTH_ANOTHER_TRY: Final = frozenset({ActionResult.SUCCESS, ActionResult.TEMPORARY_FAILURE})


@frozen
class Outcome:
    """Where a command goes, and what proves it."""

    state: State
    evidence: Evidence


def switching(relay: RelayState) -> bool:
    """Whether contact and control state contradict each other: the relay is on its way, read it again."""
    return relay.connected != (relay.control_state == CONNECTED)


def reached(target: Target, relay: RelayState) -> bool:
    """Whether the relay is where a command wants it. Ready for reconnection is not disconnected: a button undoes it."""
    if target is Target.CONNECTED:
        return relay.connected
    return not relay.connected and relay.control_state != READY_FOR_RECONNECTION


def needs_button(relay: RelayState) -> bool:
    """Whether supply now waits for somebody to press the button at the meter."""
    return waits_for_button(relay.connected, relay.control_state, relay.control_mode)


def waits_for_button(connected: bool, control_state: int, control_mode: int) -> bool:  # noqa: FBT001  as it was read
    """The same of a relay's attributes 2, 3 and 4."""
    return not connected and control_state == READY_FOR_RECONNECTION and control_mode not in CLOSES_REMOTELY


def without_sending(target: Target, relay: RelayState) -> Outcome | None:
    """The outcome that is plain before anything is sent; None: the ACTION has to go out."""
    if reached(target, relay):
        return Outcome(State.CONFIRMED, Evidence(relay, relay, sent=False, note="already there, nothing sent"))
    if target is Target.DISCONNECTED and relay.control_mode == NEVER_DISCONNECTS:
        return _rejected(relay, "control mode 0: this meter never disconnects; nothing sent")
    if target is Target.CONNECTED and needs_button(relay):
        return _rejected(relay, f"ready for reconnection already: {PRESS_BUTTON}; nothing sent")
    return None


def after_answer(command: Command, result: ActionResult, before: RelayState, after: RelayState) -> Outcome:
    """The outcome after the meter answered the ACTION with `result` and the relay was read back as `after`."""
    state, text = _after_answer(command, result, after)
    if result is not ActionResult.SUCCESS:
        text = f"the meter answered {result.text}; {text}"
    return Outcome(state, Evidence(before, after, sent=True, note=text))


def _after_answer(command: Command, result: ActionResult, after: RelayState) -> tuple[State, str]:
    if switching(after):
        return State.UNKNOWN, "the relay was still switching"
    if reached(command.target, after):
        return State.CONFIRMED, f"read back {command.target.value}"
    if command.target is Target.CONNECTED and needs_button(after):
        return State.REJECTED, f"ready for reconnection: {PRESS_BUTTON} to restore supply"
    if result not in _RESULTS_WORTH_ANOTHER_TRY:
        return State.REJECTED, "the relay did not move"
    if command.target is Target.DISCONNECTED and command.attempts >= MOST_FUTILE_CUTS:
        return State.REJECTED, f"the relay did not move in {command.attempts} attempts"
    return State.UNKNOWN, "the relay has not moved yet"


def after_reading(target: Target, relay: RelayState) -> Outcome:
    """Where an UNKNOWN command goes once the relay was read. It counts as sent: what may be ours is ours to undo."""
    if reached(target, relay):
        return Outcome(State.CONFIRMED, Evidence(None, relay, sent=True, note=f"found {target.value} when read again"))
    return Outcome(State.REQUESTED, Evidence(None, relay, sent=True, note=f"read again: not {target.value}"))


def lost(before: RelayState, reason: str, *, sent: bool) -> Outcome:
    """The outcome when nobody can tell what the meter did."""
    return Outcome(State.UNKNOWN, Evidence(before, None, sent=sent, note=reason))


def _rejected(relay: RelayState, note: str) -> Outcome:
    return Outcome(State.REJECTED, Evidence(relay, relay, sent=False, note=note))
