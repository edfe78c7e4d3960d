import asyncio
import json

import httpx
import pytest
from attrs import evolve
from prometheus_client.parser import text_string_to_metric_families
from watched_house import Disk, watched_house

from headend.app.health import health
from headend.app.metrics_http import LONGEST_REQUEST, CannotListen, Reply, answering
from headend.app.metrics_serving import watched
from headend.app.monitoring import monitored
from headend.storage.status import FRESH

LISTEN = '[metrics]\nlisten = "127.0.0.1:0"\n'


async def get(port, path, **options):
    async with httpx.AsyncClient() as client:
        return await client.request(options.get("method", "GET"), f"http://127.0.0.1:{port}{path}")


def samples(text):
    return {
        (sample.name, *(sample.labels[key] for key in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_scrape_shows_visits_durations_and_the_store(tmp_path):
    async with watched_house(tmp_path, LISTEN) as monitor, monitored(monitor), watched(monitor) as port:
        answer = await get(port, "/metrics")
        found = samples(answer.text)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert found["headend_visits_total", "unreachable"] == 2
    assert found["headend_visit_duration_seconds_bucket", "0.1"] == 1
    assert found["headend_visit_duration_seconds_bucket", "60.0"] == 2
    assert found["headend_visit_duration_seconds_bucket", "+Inf"] == 3
    assert found["headend_visit_duration_seconds_count",] == 3
    assert found["headend_reconnect_latency_seconds_bucket", "2.0"] == 1
    assert found["headend_reconnect_objective_seconds", "0.95"] == 60
    assert found["headend_lanes_blocked",] == 1
    assert found["headend_disk_used_ratio",] == 0.5
    assert found["headend_ready",] == 1
    assert found["headend_worker_up", "0"] == 1
    assert found["headend_database_bytes",] > 0


async def test_what_all_workers_did_is_added_and_a_silent_one_is_seen(tmp_path):
    async with watched_house(tmp_path, LISTEN) as monitor, monitored(monitor), watched(monitor) as port:
        other = evolve(monitor.status(), worker=1, pid=4711, rows=5)
        await monitor.headend.store.status.tell(other)
        found = samples((await get(port, "/metrics")).text)
        assert found["headend_visits_total", "done"] == 14
        assert found["headend_visit_duration_seconds_count",] == 6
        assert found["headend_values_stored_total", "profile_row"] == 5
        assert (await get(port, "/readyz")).status_code == 200
        await monitor.headend.store.status.tell(evolve(other, at=other.at - 2 * FRESH))
        found = samples((await get(port, "/metrics")).text)
        assert (found["headend_worker_up", "0"], found["headend_worker_up", "1"]) == (1, 0)
        answer = await get(port, "/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["processes_alive"] == {"ok": False, "detail": "silent: worker 1"}


async def test_a_shedding_daemon_is_alive_and_not_ready(tmp_path):
    disk = Disk(used=95)
    async with (
        watched_house(tmp_path, LISTEN, usage=disk) as monitor,
        monitored(monitor),
        watched(monitor) as port,
    ):
        alive, ready = await get(port, "/healthz"), await get(port, "/readyz")
        assert (alive.status_code, alive.json()["status"]) == (200, "alive")
        assert ready.status_code == 503
        assert not ready.json()["checks"]["not_shedding"]["ok"]
        assert samples((await get(port, "/metrics")).text)["headend_shedding",] == 1
        disk.used = 40
        await monitor.look_at_disk()
        assert (await get(port, "/readyz")).json()["status"] == "ready"


async def test_without_the_section_nothing_listens(tmp_path):
    async with watched_house(tmp_path) as monitor, watched(monitor) as port:
        assert port is None


async def test_scrapes_go_on_while_a_transaction_is_open(tmp_path):
    async with watched_house(tmp_path, LISTEN) as monitor, monitored(monitor), watched(monitor) as port:
        store, begun, end = monitor.headend.store, asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def long(connection):
            connection.execute("INSERT INTO meta (name, value) VALUES ('long', 1)")
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(end.wait(), loop).result()

        writing = asyncio.create_task(store._writer.run(long))
        await begun.wait()
        try:
            assert (await get(port, "/metrics")).status_code == 200
            assert (await get(port, "/readyz")).status_code == 200
        finally:
            end.set()
            await writing


@pytest.mark.parametrize(
    ("change", "failure", "check"),
    [
        ({"keys": False}, None, "keys_present"),
        ({"busiest_lag": 3.0}, None, "loop_responsive"),
        ({"shedding": True}, None, "not_shedding"),
        ({}, "the disk is full", "store_writable"),
    ],
)
async def test_each_thing_that_is_wrong_is_named(tmp_path, change, failure, check):
    async with watched_house(tmp_path) as monitor:
        status = monitor.status()
    assert health([status], status.at).ready
    found = health([evolve(status, **change)], status.at, failure)
    assert [each.name for each in found.checks if not each.ok] == [check]


async def test_a_daemon_that_told_nothing_is_not_ready(tmp_path):
    async with watched_house(tmp_path) as monitor:
        at = monitor.status().at
    assert not health([], at).ready


async def raw(port, octets):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET /here HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /here?x=1 HTTP/1.0\r\nHost: x\r\n\r\n", b"200"),
        (b"GET /there HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /here HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"405"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET /here\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 2 * LONGEST_REQUEST + b" HTTP/1.1\r\n\r\n", b"400"),
    ],
)
async def test_what_is_no_request_is_answered_and_harms_nothing(octets, status):
    async def here():
        return Reply(200, "text/plain", b"well\n")

    async with answering("127.0.0.1", 0, {"/here": here}) as port:
        assert (await raw(port, octets)).split(b" ", 2)[1] == status
        assert (await get(port, "/here")).text == "well\n"
        head = await get(port, "/here", method="HEAD")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "5")


async def test_a_port_that_is_taken_is_named_with_the_key():
    async with answering("127.0.0.1", 0, {}) as port:
        with pytest.raises(CannotListen, match=rf"metrics.listen: 127.0.0.1:{port} can't be opened"):
            async with answering("127.0.0.1", port, {}):
                pass


async def test_the_answers_are_json(tmp_path):
    async with watched_house(tmp_path, LISTEN) as monitor, monitored(monitor), watched(monitor) as port:
        for path in ("/healthz", "/readyz"):
            answer = await get(port, path)
            assert answer.headers["content-type"] == "application/json"
            json.loads(answer.text)
