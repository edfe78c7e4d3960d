import json
import subprocess
import sys

import pytest

LINES = """
import asyncio, logging, warnings
import structlog
from headend.cli.foreign_logs import take_over
from headend.cli.running import set_up_logs
from headend.settings import LogSection

log = LogSection(level="info", format={form!r})
set_up_logs(log)
take_over(log)

async def forgotten():
    key = "SECRETKEY"
    raise ValueError("a defect")

async def main():
    task = asyncio.ensure_future(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    with structlog.contextvars.bound_contextvars(meter="M1", visit="v1"):
        structlog.get_logger().info("our own")
        logging.getLogger("some.library").warning("theirs %d", 7)
    logging.getLogger("some.library").info("not worth a line")
    warnings.warn("old", DeprecationWarning, stacklevel=1)

warnings.simplefilter("always")
asyncio.run(main())
"""


def lines(form):
    done = subprocess.run(
        [sys.executable, "-c", LINES.format(form=form)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stderr.splitlines()


def test_every_line_is_json_whoever_writes_it():
    found = [json.loads(line) for line in lines("json")]
    assert all({"timestamp", "level", "event"} <= line.keys() for line in found)
    told = {line["event"]: line for line in found}
    assert told["our own"]["meter"] == "M1"
    assert (told["theirs 7"]["logger"], told["theirs 7"]["visit"]) == ("some.library", "v1")
    assert "not worth a line" not in told
    (defect,) = [line for line in found if "never retrieved" in line["event"]]
    assert "ValueError: a defect" in defect["exception"]
    assert "SECRETKEY" not in json.dumps(found).replace('key = \\"SECRETKEY\\"', "")
    assert any("old" in line["event"] for line in found)


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_variable_of_a_traceback_is_shown(form):
    text = "\n".join(lines(form))
    assert "key=" not in text
    assert "'SECRETKEY'" not in text
