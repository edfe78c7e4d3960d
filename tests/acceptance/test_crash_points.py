"""Kill -9 of the head-end at each point at which a relay command could be doubled or lost."""

import pytest

POINTS = ("before-sending", "after-sending", "action-sent", "answer-received", "before-commit")
ROUNDS = 5


@pytest.mark.timeout(400)
@pytest.mark.parametrize("point", POINTS)
def test_no_edge_is_doubled_and_no_command_is_lost_by_a_crash(one_meter, point):
    site, serial, _ = one_meter
    for round_ in range(ROUNDS):
        command = _cut_and_die(site, serial, point)
        site.start_daemon()
        _until_confirmed(site, command)
        assert site.edges(serial) == [False, True] * round_ + [False]
        restored = site.headend("relay", "reconnect", serial, "--reason", "next round", "--wait")
        assert restored.exit_code == 0, restored
        assert site.stop_daemon() == 0
    assert site.edges(serial) == [False, True] * ROUNDS
    stats = site.ask("stats")
    assert (stats["duplicate_actuations"], stats["counters_reused"]) == (0, 0)
    assert site.headend("db", "check").exit_code == 0


def test_a_command_that_was_sent_when_we_died_is_read_before_anything_is_sent_again(one_meter):
    site, serial, _ = one_meter
    command = _cut_and_die(site, serial, "action-sent")
    site.start_daemon()
    _until_confirmed(site, command)
    steps = site.headend("commands", "show", command, "--json").json["steps"]
    assert [step["after"] for step in steps] == ["requested", "sending", "unknown", "confirmed"]
    assert "read again" in steps[-1]["note"]
    assert site.ask("meter", serial=serial)["relay_actions"] == 1


def _cut_and_die(site, serial, point):
    """Ask a daemon that dies at `point` for a disconnect; the command's id."""
    dying = site.start_daemon(crash_point=point)
    asked = site.headend("relay", "disconnect", serial, "--reason", "test", "--json")
    assert asked.exit_code == 0, asked
    assert dying.wait(60) == -9
    return asked.json["id"]


def _until_confirmed(site, command):
    def look():
        states = {each["id"]: each["state"] for each in site.commands()}
        return states[command] == "confirmed"

    site.until(look)
