"""A head-end on a store of its own, with a monitor that tells of a collector that stands still."""

from contextlib import asynccontextmanager

from headend.app import open_headend
from headend.app.monitoring import Monitor, MonitoringRules
from headend.scheduler.figures import Standing
from headend.scheduler.spans import RECONNECT_BOUNDS, VISIT_BOUNDS, SpanCounter
from headend.settings import load_settings
from headend.storage.kek import create_kek_file

#: So seldom that a test tells and looks by itself.
NEVER = MonitoringRules(tell_s=3600, disk_s=3600)


def standing():
    took, reconnects = SpanCounter(VISIT_BOUNDS), SpanCounter(RECONNECT_BOUNDS)
    for seconds in (0.07, 0.3, 700):
        took.add(seconds)
    reconnects.add(1.5)
    return Standing(
        in_flight=2,
        waiting=5,
        put_off=1,
        oldest=None,
        rounds=(),
        failing=(),
        blocked_lanes=("gateway-1",),
        visits={"done": 7, "unreachable": 2},
        commands={"confirmed": 1},
        reads=3,
        took=took.spans(),
        reconnects=reconnects.spans(),
    )


class Disk:
    """What `shutil.disk_usage` says, as the test wants it."""

    def __init__(self, used=50):
        self.used = used

    def __call__(self, _):
        return 100, self.used, 100 - self.used


@asynccontextmanager
async def watched_house(folder, extra="", store="", **changes):
    """A monitor with a store in `folder`; `extra` is added to the configuration, `store` to its section [store]."""
    kek = folder / "headend.kek"
    if not kek.exists():
        create_kek_file(kek)
    file = folder / "headend.toml"
    file.write_text(f'[store]\npath = "headend.db"\n{store}[keys]\nkek_file = "headend.kek"\n{extra}')
    async with open_headend(load_settings(str(file), {}), armed=False) as headend:
        changes.setdefault("rules", NEVER)
        changes.setdefault("usage", Disk())
        yield Monitor(headend, standing, **changes)
