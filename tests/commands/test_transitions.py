import itertools

import pytest

from headend.commands.journal import LocalStateError
from headend.commands.model import State
from headend.commands.transitions import FINAL, NEEDS_READING, OPEN, RUNNABLE, TRANSITIONS, allowed, require, sources

LISTED = {
    (None, State.REQUESTED),
    (None, State.QUARANTINED),
    (State.REQUESTED, State.SENDING),
    (State.REQUESTED, State.QUARANTINED),
    (State.REQUESTED, State.EXPIRED),
    (State.REQUESTED, State.CANCELLED),
    (State.QUARANTINED, State.REQUESTED),
    (State.QUARANTINED, State.EXPIRED),
    (State.QUARANTINED, State.CANCELLED),
    (State.SENDING, State.CONFIRMED),
    (State.SENDING, State.REJECTED),
    (State.SENDING, State.UNKNOWN),
    (State.UNKNOWN, State.CONFIRMED),
    (State.UNKNOWN, State.REQUESTED),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product([None, *State], State)))
def test_only_listed_changes_are_allowed(before, after):
    assert allowed(before, after) is ((before, after) in LISTED)


def test_the_table_has_a_row_for_every_state():
    assert set(TRANSITIONS) == {None, *State}


def test_nothing_leads_out_of_a_final_state():
    assert {State.CONFIRMED, State.REJECTED, State.EXPIRED, State.CANCELLED} == FINAL
    assert not any(allowed(state, after) for state in FINAL for after in State)


def test_every_state_is_open_or_final():
    assert set(State) == OPEN | FINAL
    assert not OPEN & FINAL
    assert RUNNABLE < OPEN


def test_an_unknown_outcome_is_left_only_by_reading_the_relay():
    assert {(State.UNKNOWN, after) for after in TRANSITIONS[State.UNKNOWN]} == NEEDS_READING


def test_sources_turn_the_table_around():
    assert sources(State.CONFIRMED) == {State.SENDING, State.UNKNOWN}
    assert sources(State.SENDING) == {State.REQUESTED}


def test_a_change_that_is_not_listed_is_named():
    with pytest.raises(LocalStateError, match="confirmed can't become sending"):
        require(State.CONFIRMED, State.SENDING)
    with pytest.raises(LocalStateError, match="not journalled can't become unknown"):
        require(None, State.UNKNOWN)
    require(State.UNKNOWN, State.REQUESTED)
