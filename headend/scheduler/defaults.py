"""What is collected where the configuration names no schedule: everything that a utility needs of a prepaid meter."""

from datetime import timedelta
from typing import Final

from headend.scheduler.plan import BASE_TASKS, Schedule

#: Stands for every event log that a meter's model has.
EVENTS: Final = "events"
NAMEPLATE: Final = "nameplate"

DEFAULT_SCHEDULES: Final = (
    Schedule("balance", timedelta(minutes=15), BASE_TASKS, jitter=timedelta(minutes=10), priority=3),
    # Half of the capture period after midnight, when the day's last block and its daily row are there.
    Schedule(
        "daily data",
        tasks=("clock", "block_load", "daily", EVENTS),
        cron="15 0 * * *",
        jitter=timedelta(hours=4),
        priority=5,
    ),
    Schedule("instantaneous", timedelta(hours=6), ("clock", "instantaneous"), jitter=timedelta(hours=3), priority=7),
    # The month's row is there from its first minute; the days after are for the meters that were away.
    Schedule("billing", tasks=("clock", "billing"), cron="30 0 1-3 * *", jitter=timedelta(hours=3), priority=4),
    Schedule("nameplate", tasks=("clock", NAMEPLATE), cron="0 3 * * 0", jitter=timedelta(hours=6), priority=8),
)
