from datetime import UTC, datetime, timedelta

from fake_fleet import meter
from hypothesis import given
from hypothesis import strategies as st

from headend.scheduler.backlog import Backlog, Urgency, Verdict, Work
from headend.scheduler.ports import ReadRequest

NOW = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


def work(number, urgency=Urgency.ROUTINE, lane="", **more):
    return Work(meter(number, lane=lane), urgency, NOW + timedelta(seconds=number), **more)


def start(_):
    return Verdict.START


def drain(backlog, verdict=start):
    found = []
    while (each := backlog.pop(verdict)) is not None:
        found.append(each)
    return found


def test_the_most_urgent_goes_first_and_within_it_who_came_first():
    backlog = Backlog()
    for number, urgency in enumerate([15, Urgency.ROUTINE, Urgency.READ, Urgency.RELAY, Urgency.RECONNECT, 10]):
        backlog.push(work(number, urgency))
    assert [each.meter.serial for each in drain(backlog)] == ["M0004", "M0003", "M0002", "M0001", "M0005", "M0000"]


def test_more_work_for_a_waiting_meter_becomes_one_visit():
    backlog = Backlog()
    request = ReadRequest(1, "M0001", None, None, None, NOW)
    backlog.push(work(1, tasks=("clock", "daily")))
    backlog.push(work(1, Urgency.READ, reads=[request]))
    backlog.push(work(1, Urgency.RECONNECT, relay=True, reconnect=True, tasks=("daily", "billing")))
    (merged,) = drain(backlog)
    assert merged.urgency == Urgency.RECONNECT
    assert merged.tasks == ("clock", "daily", "billing")
    assert (merged.relay, merged.reconnect, merged.reads) == (True, True, [request])
    assert len(backlog) == 0


def test_a_meter_that_becomes_urgent_overtakes():
    backlog = Backlog()
    for number in range(5):
        backlog.push(work(number))
    backlog.push(work(4, Urgency.RECONNECT, relay=True))
    assert [each.meter.serial for each in drain(backlog)][:2] == ["M0004", "M0000"]


def test_a_full_lane_is_asked_once_and_set_aside():
    backlog, asked = Backlog(), []
    for number in range(100):
        backlog.push(work(number, lane="gw"))
    backlog.push(work(900))

    def verdict(each):
        asked.append(each.meter.serial)
        return Verdict.LANE_FULL if each.meter.lane == "gw" else Verdict.START

    assert [each.meter.serial for each in drain(backlog, verdict)] == ["M0900"]
    assert asked == ["M0000", "M0900"]
    assert backlog.ready_lanes == 0
    assert drain(backlog, verdict) == []
    assert len(asked) == 2
    backlog.unpark("gw")
    assert backlog.pop(start).meter.serial == "M0000"


def test_more_urgent_work_brings_its_lane_back():
    backlog = Backlog()
    backlog.push(work(1, lane="gw"))
    assert backlog.pop(lambda _: Verdict.LANE_FULL) is None
    backlog.push(work(2, lane="gw"))
    assert backlog.pop(start) is None
    backlog.push(work(3, Urgency.RECONNECT, lane="gw", relay=True))
    assert [each.meter.serial for each in drain(backlog)] == ["M0003", "M0001", "M0002"]


def test_nothing_less_urgent_is_looked_at_when_all_must_wait():
    backlog, asked = Backlog(), []
    for number in range(10):
        backlog.push(work(number))

    def verdict(each):
        asked.append(each)
        return Verdict.STOP

    assert backlog.pop(verdict) is None
    assert len(asked) == 1
    assert len(drain(backlog)) == 10


def test_the_oldest_and_everything_can_be_asked_for():
    backlog = Backlog()
    assert backlog.oldest() is None
    backlog.push(work(5))
    backlog.push(work(3))
    assert backlog.oldest() == NOW + timedelta(seconds=3)
    assert "M0003" in backlog
    assert len(backlog.drain()) == 2
    assert len(backlog) == 0
    assert backlog.pop(start) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["push", "pop", "full", "unpark", "all"]),
            st.integers(0, 11),
            st.integers(0, 15),
        ),
        max_size=80,
    )
)
def test_nothing_is_lost_nothing_comes_twice_and_order_holds(steps):
    backlog, waiting = Backlog(), {}
    for action, number, urgency in steps:
        lane = f"gw{number % 3}"
        match action:
            case "push":
                backlog.push(work(number, urgency, lane=lane))
                waiting[number] = min(urgency, waiting.get(number, 99))
            case "pop":
                backlog.unpark_all()
                found = backlog.pop(start)
                assert (found is None) == (not waiting)
                if found is not None:
                    popped = int(found.meter.serial[1:])
                    assert waiting.pop(popped) == found.urgency
                    assert all(found.urgency <= other for other in waiting.values())
            case "full":
                assert backlog.pop(lambda _: Verdict.LANE_FULL) is None
            case "unpark":
                backlog.unpark(lane)
            case "all":
                backlog.unpark_all()
        assert len(backlog) == len(waiting)
    backlog.unpark_all()
    assert {int(each.meter.serial[1:]) for each in drain(backlog)} == set(waiting)
