import pytest
from scripted_meter import START

from headend.commands.conclusion import after_reading, needs_button, reached, switching, without_sending
from headend.commands.model import State, Target
from headend.meters.reading import RelayState


def relay(connected, control, mode=4):
    return RelayState(connected, control, mode, START)


@pytest.mark.parametrize(
    ("connected", "control", "is_connected", "is_disconnected", "moves"),
    [
        (True, 1, True, False, False),
        (False, 0, False, True, False),
        (False, 2, False, False, False),
        (True, 0, True, False, True),
        (False, 1, False, True, True),
    ],
)
def test_contact_and_control_state_decide_together(connected, control, is_connected, is_disconnected, moves):
    state = relay(connected, control)
    assert reached(Target.CONNECTED, state) is is_connected
    assert reached(Target.DISCONNECTED, state) is is_disconnected
    assert switching(state) is moves


@pytest.mark.parametrize("mode", range(7))
def test_only_some_control_modes_restore_supply_with_nobody_at_the_meter(mode):
    assert needs_button(relay(connected=False, control=2, mode=mode)) is (mode in (1, 3, 5, 6))


def test_mode_0_is_never_sent_a_disconnect():
    outcome = without_sending(Target.DISCONNECTED, relay(connected=True, control=1, mode=0))
    assert outcome.state is State.REJECTED
    assert not outcome.evidence.sent


@pytest.mark.parametrize("target", Target)
def test_an_unknown_outcome_is_settled_by_what_is_read(target):
    there = relay(connected=target is Target.CONNECTED, control=int(target is Target.CONNECTED))
    elsewhere = relay(connected=target is not Target.CONNECTED, control=int(target is not Target.CONNECTED))
    assert after_reading(target, there).state is State.CONFIRMED
    assert after_reading(target, elsewhere).state is State.REQUESTED
