"""A broker that is away for long: what happens meanwhile is kept, and told in order when it is back."""

import signal

from broker_under_test import BrokerUnderTest

METERS = 20
#: Events of each meter's four logs; a log holds a hundred.
EACH = 25
CODES = (101, 201, 251, 1)
BATCH = 20
SETTINGS = """
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[clock]
set = false
[[schedules]]
name = "logs"
every = "2s"
tasks = ["clock", "events"]
"""


def test_events_of_the_time_without_a_broker_are_told_in_order_and_none_is_lost(site):
    with BrokerUnderTest() as broker:
        broker.open_gate()
        site.start_simulator(meters=METERS)
        site.configure(mode="notify", extra=SETTINGS.format(port=broker.port))
        site.import_all()
        serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
        site.start_daemon()
        site.until(lambda: broker.numbers[-1:] == [_last(site)])
        broker.shut_gate()
        told, before = len(broker.numbers), _last(site)
        _many_events(site, serials)
        site.until(lambda: _last(site) >= before + METERS * EACH * len(CODES), seconds=120)
        assert len(broker.numbers) == told
        # The daemon dies with all of it untold, and the next one has nothing but the store.
        site.stop_daemon(signal.SIGKILL)
        site.start_daemon()
        site.until(lambda: any("broker not reachable" in line["event"] for line in _since_start(site)))
        assert len(broker.numbers) == told
        broker.open_gate()
        site.until(lambda: broker.numbers[-1:] == [_last(site)], seconds=180)
        assert site.stop_daemon() == 0
        first_come = list(dict.fromkeys(broker.numbers))
        assert first_come == list(range(1, first_come[-1] + 1)), "none is lost, and all come in order"
        assert first_come[-1] >= before + METERS * EACH * len(CODES)
        # At least once: what was under way when the gate was shut may come again, and nothing else.
        assert len(broker.numbers) - len(first_come) <= BATCH
        assert any(topic.startswith("headend/events/meter/event/") for topic in broker.topics)


def _many_events(site, serials):
    for code in CODES:
        for serial in serials:
            for _ in range(EACH):
                site.ask("event", serial=serial, code=code)


def _since_start(site):
    lines = site.daemon_log()
    first = max(n for n, line in enumerate(lines) if line.get("pid") == site.daemon.pid)
    return lines[first:]


def _last(site):
    return site.stored("SELECT coalesce(max(number), 0) FROM events")[0][0]
