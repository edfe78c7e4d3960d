"""Which meters are left alone for a while, and why: collection and relay work each have their own patience."""

from datetime import datetime
from typing import Final

from attrs import define, field

from headend.scheduler.backlog import Work
from headend.scheduler.backoff import COLLECTION, RELAY, Backoff, BackoffRules, after_failure
from headend.scheduler.figures import Failing
from headend.scheduler.ports import Outcome
from headend.scheduler.visit import VisitResult

#: What a sign of life from the meter, or from its gateway, makes good.
_AWAY: Final = frozenset({Outcome.UNREACHABLE, Outcome.EXPIRED})


@define
class Failures:
    """The meters whose last visit did not bring what it should have."""

    collection: BackoffRules = COLLECTION
    relay: BackoffRules = RELAY
    _collection: dict[str, Backoff] = field(init=False, factory=dict)
    _relay: dict[str, Backoff] = field(init=False, factory=dict)

    def learn(self, work: Work, result: VisitResult, now: datetime, *, charge: bool = True) -> None:
        """Remember how a visit ended; one that was done ends the patience, except with a command left unsettled.

        Without `charge` collection is not blamed on the meter: its whole lane is out of order.
        """
        serial = work.meter.serial
        if result.outcome is Outcome.DONE:
            self._collection.pop(serial, None)
            earlier = self._relay.pop(serial, None)
            if result.unsettled:
                standing = after_failure(earlier, Outcome.FAILED, "command unsettled", serial, now, self.relay)
                self._relay[serial] = standing
            return
        error = result.error or result.outcome.value
        if work.relay:
            earlier = self._relay.get(serial)
            self._relay[serial] = after_failure(earlier, result.outcome, error, serial, now, self.relay)
        if work.tasks and charge:
            earlier = self._collection.get(serial)
            self._collection[serial] = after_failure(earlier, result.outcome, error, serial, now, self.collection)

    def heard(self, meter: str) -> None:
        """The meter showed that it is there: what failed since it was not may be tried again now, and nothing else."""
        for standings in (self._collection, self._relay):
            standing = standings.get(meter)
            if standing is not None and standing.outcome in _AWAY:
                del standings[meter]

    def away(self) -> tuple[str, ...]:
        """The meters that were not reached."""
        return tuple(meter for meter, each in self._collection.items() if each.outcome in _AWAY)

    def collection_standing(self, meter: str) -> Backoff | None:
        """How a meter stands with collection, None when nothing failed."""
        return self._collection.get(meter)

    def clear_collection(self, meter: str) -> None:
        """A person wants the meter to be collected now, whatever failed."""
        self._collection.pop(meter, None)

    def collection_pause(self, meter: str, now: datetime) -> datetime | None:
        """Until when a meter is not to be collected, None when it may be now."""
        return _pause(self._collection.get(meter), now)

    def relay_pause(self, meter: str, now: datetime) -> datetime | None:
        """Until when a meter's relay work waits, None when it may be done now."""
        return _pause(self._relay.get(meter), now)

    def listing(self) -> tuple[Failing, ...]:
        """Every meter that is failing, once."""
        return tuple(
            Failing(meter, each.outcome, each.failures, each.first_error, each.not_before)
            for meter, each in (self._collection | self._relay).items()
        )


def _pause(standing: Backoff | None, now: datetime) -> datetime | None:
    return None if standing is None or standing.not_before <= now else standing.not_before
