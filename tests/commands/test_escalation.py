from datetime import timedelta

import pytest
from accounts import command
from scripted_meter import START

from headend.commands.escalation import overdue
from headend.commands.model import State, Target


@pytest.mark.parametrize(
    ("target", "state", "minutes", "told"),
    [
        (Target.DISCONNECTED, State.UNKNOWN, 14, False),
        (Target.DISCONNECTED, State.UNKNOWN, 15, True),
        (Target.DISCONNECTED, State.SENDING, 15, True),
        (Target.DISCONNECTED, State.REQUESTED, 600, False),
        (Target.DISCONNECTED, State.QUARANTINED, 600, False),
        (Target.CONNECTED, State.REQUESTED, 14, False),
        (Target.CONNECTED, State.REQUESTED, 15, True),
        (Target.CONNECTED, State.UNKNOWN, 15, True),
        (Target.CONNECTED, State.CONFIRMED, 600, False),
    ],
)
def test_a_person_is_told_of_unknown_outcomes_and_of_supply_that_stays_off(target, state, minutes, told):
    asked = command(target=target, state=state)
    assert overdue([asked], START + timedelta(minutes=minutes)) == ([asked] if told else [])
