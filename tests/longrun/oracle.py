"""Judges a run from outside: by what the simulated meters know, by what was paid, and by rules written a second time.

Nothing of headend.prepaid is used. Money is computed with fractions from the readings, one meter at a time.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

from attrs import define, field, frozen

INDIA = timezone(timedelta(hours=5, minutes=30))
#: (up to kWh, rupees a kWh), as in the tariff file of the house.
SLABS = ((100, "4.10"), (250, "6.65"), (None, "7.30"))
FIXED_A_MONTH, DUTY_PER_CENT = 75_00, 5
#: A switch, or a fault, that is there or not.
ON, OFF = "on", "off"
_EPOCH = datetime.fromtimestamp(0, UTC)


@frozen
class Payment:
    """What a bank is sure of: booked at this true time."""

    at: datetime
    paise: int
    id: str


@define
class History:
    """A switch over time; at the very moment of a change both values count."""

    first: object
    changes: list = field(factory=list)

    def set(self, at, value):
        self.changes.append((at, value))

    def at(self, moment):
        """The values in force at `moment`."""
        before = [value for at, value in self.changes if at < moment]
        now = [value for at, value in self.changes if at == moment]
        return {before[-1] if before else self.first, *now}

    def just(self, moment):
        return next((value for at, value in reversed(self.changes) if at <= moment), self.first)


@define
class Skews:
    """How far the head-end's clock was ahead, over true time."""

    history: History = field(factory=lambda: History(timedelta(0)))

    def house(self, true):
        return true + self.history.just(true)

    def true(self, house, after):
        """The first true time from `after` on at which the head-end's clock showed `house`."""
        borders = [(datetime.min.replace(tzinfo=UTC), self.history.first), *self.history.changes]
        found = []
        for number, (since, skew) in enumerate(borders):
            until = borders[number + 1][0] if number + 1 < len(borders) else datetime.max.replace(tzinfo=UTC)
            moment = house - skew
            if since <= moment <= until and moment >= after - timedelta(seconds=1):
                found.append(moment)
        assert found, f"no moment at which the clock showed {house}"
        return min(found)


@define
class Bill:
    """What one account must have been charged, register value by register value."""

    month: tuple = None
    used_in_month: int = 0
    energy: Fraction = Fraction(0)
    fixed: int = 0
    mark: tuple = None

    def read(self, at, wh):
        """A register value at the head-end's time `at`; one that can't be charged leaves everything as it was."""
        local = at.astimezone(INDIA)
        if self.mark is None:
            self.mark, self.month = (at, wh), (local.year, local.month)
            return
        since, before = self.mark
        if wh < before or at < since:
            return
        for month, share in self._months(since, at, wh - before):
            if month != self.month:
                self.month, self.used_in_month = month, 0
            self.energy += _slabs(self.used_in_month, share)
            self.used_in_month += share
        day = since.astimezone(INDIA).date()
        while day < local.date():
            day += timedelta(days=1)
            self.fixed += _fixed(day)
        self.mark = (at, wh)

    @property
    def charged(self):
        """Paise by kind; a part of a paisa waits for the next."""
        energy = self.energy.numerator // self.energy.denominator
        return {"energy": energy, "duty": energy * DUTY_PER_CENT // 100, "fixed": self.fixed}

    def _months(self, since, until, wh):
        done, start, pieces = 0, since.astimezone(INDIA), []
        while True:
            border = datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=INDIA)
            if border >= until:
                return [*pieces, ((start.year, start.month), wh - done)]
            share = Fraction(_micros(border - since), _micros(until - since)) * wh
            pieces.append(((start.year, start.month), int(share) - done))
            done, start = int(share), border


def _micros(span):
    return span // timedelta(microseconds=1)


def micros(moment):
    """As the database keeps it."""
    return _micros(moment - _EPOCH)


def moment_of(count):
    """The moment that the database keeps as so many microseconds."""
    return _EPOCH + timedelta(microseconds=count)


def _slabs(used, more):
    """Paise for `more` Wh after `used` Wh of the month."""
    total, low = Fraction(0), 0
    for top, rupees in SLABS:
        high = used + more if top is None else top * 1000
        part = max(min(used + more, high) - max(used, low), 0)
        total += Fraction(rupees) * 100 * part / 1000
        low = high
    return total


def _fixed(day):
    after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    length = (after - timedelta(days=1)).day
    return FIXED_A_MONTH * day.day // length - FIXED_A_MONTH * (day.day - 1) // length


@define
class Account:
    """One account over time: `points` are (true time, balance after it), in the order in which it happened."""

    opening: int
    points: list = field(factory=list)
    bill: Bill = field(factory=Bill)
    paid: int = 0

    @classmethod
    def recomputed(cls, opening, began, readings, payments):
        """`readings` (true time, head-end's time, Wh) in their order, `payments` in theirs."""
        account = cls(opening, [(began, opening)])
        steps = [(true, 1, (house, wh)) for true, house, wh in readings] + [(each.at, 0, each) for each in payments]
        for true, kind, what in sorted(steps, key=lambda step: step[:2]):
            if kind:
                account.bill.read(*what)
            else:
                account.paid += what.paise
            account.points.append((true, account.balance))
        return account

    @property
    def balance(self):
        return self.opening + self.paid - sum(self.bill.charged.values())

    def at(self, moment):
        return self.points[bisect_right(self.points, moment, key=lambda point: point[0]) - 1][1]

    def lowest_around(self, moment):
        """The lowest balance that stood at the very moment: a payment and a reading may share it."""
        before = [balance for at, balance in self.points if at < moment]
        return min([before[-1], *(balance for at, balance in self.points if at == moment)])

    def below_since(self, moment):
        """The true time since which the balance was below zero at `moment`."""
        since = None
        for at, balance in self.points:
            if at > moment:
                break
            since = (since or at) if balance < 0 else None
        return since


@frozen
class HouseRules:
    """The policy of the run, written a second time."""

    grace: timedelta
    notice_age: timedelta
    clock_limit: timedelta
    open_from: int
    open_until: int
    holidays: frozenset
    per_hour: int
    per_day: int
    per_office_hour: int

    def closed(self, moment):
        local = moment.astimezone(INDIA)
        second_saturday = local.weekday() == 5 and 8 <= local.day <= 14
        by_day = local.weekday() == 6 or second_saturday or local.date() in self.holidays
        return by_day or not self.open_from <= local.hour < self.open_until


def over_caps(rules, cuts):
    """Every cap that `cuts` (true time, office) exceeded: cuts in any span as long as the cap's, a moment shorter."""
    found = []
    offices = {office for _, office in cuts}
    for what, span, most, moments in (
        ("hour", timedelta(hours=1), rules.per_hour, [at for at, _ in cuts]),
        ("day", timedelta(days=1), rules.per_day, [at for at, _ in cuts]),
        *(
            ("office hour", timedelta(hours=1), rules.per_office_hour, [at for at, each in cuts if each == office])
            for office in offices
        ),
    ):
        ordered = sorted(moments)
        for number, at in enumerate(ordered):
            # A permit is counted when it is given, the relay moves within the visit that got it.
            within = bisect_right(ordered, at + span - timedelta(minutes=3)) - number
            if within > most:
                found.append(f"{within} cuts within a {what} from {at}, {most} are allowed")
    return found
