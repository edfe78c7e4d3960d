import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))

from site_under_test import Site

from headend.app.webprocess import WebProcess

PYTHON = (sys.executable, "-c")
#: Lives until the other end of its standard input is closed.
FAITHFUL = (*PYTHON, "import sys; sys.stdin.read()")


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.start_simulator()
    made.configure(web="127.0.0.1:0")
    made.import_all()
    yield made
    made.close()


def served(site, seen=0):
    """The addresses that were told, once there are more than `seen` of them."""
    told = [line["console"] for line in site.daemon_log() if line.get("event") == "serving"]
    return told[seen:]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.URLError:
        return False


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def no_pause(event, _seconds):
    await asyncio.sleep(0)
    return event.is_set()


async def test_a_process_that_ends_is_started_again_until_it_is_told_to_stop(tmp_path):
    line = f"open({str(tmp_path / 'starts')!r}, 'a').write('x')"
    process = WebProcess((*PYTHON, line), pause=no_pause)
    task = asyncio.create_task(process.keep())
    while not (tmp_path / "starts").exists() or len((tmp_path / "starts").read_text()) < 3:  # noqa: ASYNC110  a file
        await asyncio.sleep(0.01)
    process.stop()
    await task
    assert process.pid is None


async def test_a_process_ends_with_the_other_end_of_its_input():
    process = WebProcess(FAITHFUL)
    task = asyncio.create_task(process.keep())
    while process.pid is None:  # noqa: ASYNC110  nothing tells of a start
        await asyncio.sleep(0.01)
    pid = process.pid
    process.stop()
    await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_is_not_there_holds_nothing_up():
    process = WebProcess(("/nowhere/python",), pause=no_pause)
    task = asyncio.create_task(process.keep())
    await asyncio.sleep(0)
    process.stop()
    await task


def test_pages_come_back_when_their_process_dies_and_the_daemon_goes_on(site):
    site.start_daemon()
    console = site.until(lambda: served(site))[0]
    assert answers(console)
    (child,) = children(site.daemon.pid)
    os.kill(child, signal.SIGKILL)
    again = site.until(lambda: served(site, 1))[0]
    assert answers(again)
    assert site.daemon.poll() is None
    assert site.stop_daemon() == 0
    assert not answers(again)


def test_pages_end_with_a_daemon_that_is_killed(site):
    site.start_daemon()
    console = site.until(lambda: served(site))[0]
    assert answers(console)
    site.stop_daemon(signal.SIGKILL)
    site.until(lambda: not answers(console))


def test_a_place_that_is_taken_is_told_with_where_it_is(site):
    site.start_daemon()
    taken = site.until(lambda: served(site))[0].split("/")[2]
    site.configure(web=taken)
    beside = site.headend_process("web")
    assert beside.exit_code == 1
    assert "can't be served" in beside.stderr


def test_a_section_that_can_not_be_used_is_told_at_the_start(site):
    site.configure(web="127.0.0.1:no")
    started = site.headend_process("run")
    assert started.exit_code == 2
    assert "web.listen" in started.stderr
    site.configure(web="")
    assert site.headend_process("web").exit_code == 2


def test_the_faces_are_served_by_the_daemon_itself_where_that_is_asked_for(site):
    text = site.config.read_text().replace("[web]", "[web]\nown_process = false")
    site.config.write_text(text)
    site.start_daemon()
    assert answers(site.until(lambda: served(site))[0])
    assert children(site.daemon.pid) == []
    assert site.stop_daemon() == 0
