"""Whether the daemon is well: what /healthz and /readyz answer, with a reason for each thing that is not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from headend.storage.status import FRESH, ProcessStatus

#: A loop that answers so late keeps meters waiting: their own time-outs are some seconds.
LONGEST_LAG_S: Final = 1.0


@frozen
class Check:
    """One thing that must hold; `detail` says how it is."""

    name: str
    ok: bool
    detail: str


@frozen
class Health:
    """Every check of the daemon, by all its processes."""

    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Whether everything holds."""
        return all(check.ok for check in self.checks)


def health(
    processes: Sequence[ProcessStatus], now: datetime, failure: str | None = None, crew: Sequence[int] = ()
) -> Health:
    """The health of a daemon by what its processes told; `failure` is why the last telling was not written.

    `crew`: the workers that there should be, beside the process that answers.
    """
    fresh = [each for each in processes if now - each.at <= FRESH]
    told = {each.worker for each in fresh}
    late = [str(number) for number in sorted({each.worker for each in processes} | set(crew)) if number not in told]
    lag = max((each.busiest_lag for each in fresh), default=0.0)
    return Health(
        (
            Check("store_writable", failure is None, failure or "writes are durable"),
            Check(
                "processes_alive",
                bool(fresh) and not late,
                f"silent: worker {', '.join(late)}"
                if late
                else f"{len(fresh)} of {len(fresh) + len(late)} told lately",
            ),
            Check(
                "keys_present",
                bool(fresh) and all(each.keys for each in fresh),
                "the key-encryption key is there" if all(each.keys for each in fresh) else "no key-encryption key",
            ),
            Check("loop_responsive", lag <= LONGEST_LAG_S, f"at most {lag:.3f} s late within a minute"),
            Check(
                "not_shedding",
                not any(each.shedding for each in fresh),
                "profiles are given up: the disk is nearly full"
                if any(each.shedding for each in fresh)
                else "everything is collected",
            ),
        )
    )
