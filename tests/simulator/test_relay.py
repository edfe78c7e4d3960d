"""Every control mode with every action from every state, against a table of its own (Blue Book 4.5.8)."""

import pytest

from simulator.relay import Action, Cause, ControlState, Outcome, Relay

OFF, ON, READY = ControlState.DISCONNECTED, ControlState.CONNECTED, ControlState.READY

#: Per mode: which of the transitions a to h exist.
MODES = {0: "", 1: "bcdefg", 2: "bcaefg", 3: "bcdeg", 4: "bcaeg", 5: "bcdefgh", 6: "bcdegh"}
TRANSITIONS = {
    "a": (Action.REMOTE_RECONNECT, OFF, ON),
    "b": (Action.REMOTE_DISCONNECT, ON, OFF),
    "c": (Action.REMOTE_DISCONNECT, READY, OFF),
    "d": (Action.REMOTE_RECONNECT, OFF, READY),
    "e": (Action.MANUAL_RECONNECT, READY, ON),
    "f": (Action.MANUAL_DISCONNECT, ON, READY),
    "g": (Action.LOCAL_DISCONNECT, ON, READY),
    "h": (Action.LOCAL_RECONNECT, READY, ON),
}


def expected(mode, action, state):
    """The state after the action, None where it is refused."""
    for letter in MODES[mode]:
        known_action, before, after = TRANSITIONS[letter]
        if (known_action, before) == (action, state):
            return after
    if mode == 0 or action.cause is not Cause.REMOTE:
        return None
    if action is Action.REMOTE_DISCONNECT:
        return OFF
    return {ON: ON, READY: ON if mode in (2, 4) else READY}[state]


def standing_in(state, mode):
    return Relay(mode, state, state is ON)


@pytest.mark.parametrize("state", list(ControlState))
@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("mode", range(7))
def test_each_action_leads_where_its_mode_says(mode, action, state):
    relay = standing_in(state, mode)
    outcome = relay.act(action, 5)
    after = expected(mode, action, state)
    if after is None:
        assert (outcome, relay.control_state) == (Outcome.REFUSED, state)
    else:
        assert relay.control_state is after
        assert outcome is (Outcome.UNCHANGED if after is state else Outcome.MOVED)
    assert relay.output_state is (relay.control_state is ON)
    assert len(relay.edges) == (relay.output_state is not (state is ON))


def test_an_edge_has_time_direction_and_cause():
    relay = Relay(2)
    relay.act(Action.REMOTE_DISCONNECT, 10)
    relay.act(Action.REMOTE_RECONNECT, 20)
    relay.act(Action.MANUAL_DISCONNECT, 30)
    relay.act(Action.MANUAL_RECONNECT, 40)
    assert [tuple(edge) for edge in relay.edges] == [
        (10, False, Cause.REMOTE),
        (20, True, Cause.REMOTE),
        (30, False, Cause.MANUAL),
        (40, True, Cause.MANUAL),
    ]
    assert relay.duplicate_actuations == 0


def test_readying_the_relay_moves_no_contact():
    relay = Relay(1)
    relay.act(Action.REMOTE_DISCONNECT, 1)
    relay.act(Action.REMOTE_RECONNECT, 2)
    assert (relay.control_state, relay.output_state, len(relay.edges)) == (READY, False, 1)


def test_a_remote_action_that_finds_its_state_is_a_duplicate():
    relay = Relay(4)
    relay.act(Action.REMOTE_RECONNECT, 1)
    relay.act(Action.REMOTE_DISCONNECT, 2)
    relay.act(Action.REMOTE_DISCONNECT, 3)
    assert (relay.duplicate_actuations, len(relay.edges)) == (2, 1)


def test_a_refused_action_is_no_duplicate():
    relay = Relay(0)
    relay.act(Action.REMOTE_DISCONNECT, 1)
    assert (relay.duplicate_actuations, relay.remote_actions) == (0, 1)


def test_pressing_the_button_twice_is_no_duplicate():
    relay = Relay(2)
    relay.act(Action.MANUAL_DISCONNECT, 1)
    relay.act(Action.MANUAL_DISCONNECT, 2)
    assert relay.duplicate_actuations == 0


def test_a_welded_relay_moves_its_state_and_not_its_output():
    relay = Relay(4, welded=True)
    assert relay.act(Action.REMOTE_DISCONNECT, 1) is Outcome.MOVED
    assert (relay.control_state, relay.output_state, relay.edges) == (OFF, True, ())
