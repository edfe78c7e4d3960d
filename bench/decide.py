"""What deciding costs: accounts of a seeded fleet, in memory, and how the cost grows with their number.

The floor is the least that any decision must do: look at the same facts and compare each with its limit, inlined,
without reasons, calendar or records. A million accounts are decided in pieces, so that the figure is about deciding
and not about the memory of a million facts. The last figures are those of accounts in the store, rows and all.
"""

import gc
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from _figures import Figure, Options, options, pin, report
from _stored import cost
from attrs import evolve

from headend.meters.reading import ClockReading, Reading, RelayState
from headend.notify.texts import default_texts
from headend.prepaid.model import Account, AccountView, BalanceSource, EnergyMark, Facts, Mode, OpenCommand, SentNotice
from headend.prepaid.policy import Policy, decide
from headend.prepaid.rules import default_policy, default_tariff
from headend.scheduler.judge import Rules, judge_visit
from headend.scheduler.ports import Outcome, VisitRecord

SEED = 20260304
NOW = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PIECE = 20_000
MILLION = 1_000_000


def accounts(count: int, seed: int) -> list[Facts]:
    """A fleet on the first automatic day: four in five below zero, most of them told, a few of everything else."""
    chance = random.Random(seed)
    return [_facts(number, chance) for number in range(count)]


def _facts(number: int, chance: random.Random) -> Facts:
    account = Account(
        consumer_no=f"{10_000_000_000 + number}",
        name=f"Consumer {number:05}",
        language="hi",
        mobile=None,
        category="domestic",
        office="Ranchi/Ranchi East/Kokar",
        tariff="default",
        protected="medical equipment" if chance.random() < 0.01 else None,
        balance_source=BalanceSource.LEDGER,
        meter=f"HED{number:07}",
        reconciled=chance.random() < 0.98,
    )
    age = timedelta(minutes=chance.choice([1, 2, 5, 90]))
    told = NOW - DAY * chance.randint(0, 9)
    open_command = OpenCommand(number, "disconnected", "requested") if chance.random() < 0.02 else None
    return Facts(
        now=NOW,
        account=account,
        mode=chance.choice([Mode.AUTOMATIC, Mode.AUTOMATIC, Mode.PROPOSE, Mode.NOTIFY]),
        armed=True,
        kill_switch=False,
        balance=chance.randint(-100_000, 25_000),
        balance_at=NOW - age,
        reading_at=NOW - age,
        clock_deviation=chance.gauss(0, 60),
        relay_connected=chance.random() < 0.95,
        open_command=open_command,
        cuts_last_hour=chance.randint(0, 60),
        time_zone="Asia/Kolkata",
        negative_since=NOW - DAY * chance.randint(0, 20),
        notice_at=told,
        notice_delivered_at=told if chance.random() < 0.9 else None,
        disconnected_by_us=chance.random() < 0.5,
    )


def bare(facts: Facts, policy: Policy) -> bool:
    """The comparisons alone."""
    balance, account, now = facts.balance, facts.account, facts.now
    return (
        balance is not None
        and balance < 0
        and facts.relay_connected is True
        and facts.open_command is None
        and account.meter is not None
        and account.reconciled
        and facts.reading_at is not None
        and now - facts.reading_at <= policy.max_reading_age
        and facts.balance_at is not None
        and now - facts.balance_at <= policy.max_balance_age
        and facts.clock_deviation is not None
        and abs(facts.clock_deviation) <= 300
        and facts.negative_since is not None
        and now - facts.negative_since >= policy.grace
        and facts.notice_delivered_at is not None
        and now - facts.notice_delivered_at >= policy.notice_min_age
        and not facts.kill_switch
        and facts.armed
        and facts.mode is Mode.AUTOMATIC
        and account.protected is None
    )


def best(work, fleet: list, times: int) -> float:
    """Seconds of the fastest of some passes over the fleet; the collector of cycles sleeps, there are none."""
    fastest = float("inf")
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            start = time.process_time()
            for each in fleet:
                work(each)
            fastest = min(fastest, time.process_time() - start)
    finally:
        gc.enable()
    return fastest


def cost_of_one(given: Options, policy: Policy):
    fleet = accounts(PIECE, SEED)
    times = 3 if given.quick else 9
    mine = best(lambda facts: decide(facts, policy), fleet, times) / PIECE
    floor = best(lambda facts: bare(facts, policy), fleet, times) / PIECE
    yield Figure("decide, an account", mine * 1e6, "µs", "bare comparisons", mine / floor, "<= 12")


def judging(given: Options, policy: Policy):
    """A visit judged: charged by slabs, decided, notices chosen and written in two languages, a command made."""
    tariff, texts = default_tariff(), default_texts()
    rules = Rules(lambda _: policy, lambda _: tariff, texts)
    count = 2_000 if given.quick else PIECE
    relay = RelayState(connected=True, control_state=1, control_mode=4, read_at=NOW)
    clock = ClockReading(NOW, NOW, deviation=2.0, inverted_sign=False, raw=bytes(12))
    views = []
    for facts in accounts(count, SEED):
        meter = facts.account.meter or ""
        reading = Reading("energy_import", "1.0.1.8.0.255", Decimal(105_000), "Wh", NOW)
        mark = EnergyMark(meter, 100_000, NOW - DAY, slab_period="2026-03", slab_wh=99_000)
        record = VisitRecord(meter, NOW, NOW, Outcome.DONE, None, (reading,), relay=relay, clock=clock)
        views.append((AccountView(facts, mark, ()), record))
    told = [(evolve(view, notices=_told(view, policy)), record) for view, record in views]
    mine = best(lambda each: judge_visit(rules, each[1])(each[0]), views, 3) / count
    quiet = best(lambda each: judge_visit(rules, each[1])(each[0]), told, 3) / count
    alone = best(lambda each: decide(each[0].facts, policy), views, 3) / count
    yield Figure("judge a visit, nobody to be told", quiet * 1e6, "µs", "decide alone", quiet / alone)
    yield Figure("judge a visit, with notices in two languages", mine * 1e6, "µs", "decide alone", mine / alone)


def _told(view: AccountView, policy: Policy) -> tuple[SentNotice, ...]:
    """What this account would be told now, as told already."""
    relay = SentNotice("restored", "restored:1", NOW, NOW)
    kinds = ("negative:1", *(f"low_balance:{level}:1" for level in policy.low_levels))
    planned = f"cut_planned:{view.facts.negative_since:%Y%m%dT%H%M%S}"
    return (relay, *(SentNotice(key.split(":")[0], key, NOW, NOW) for key in (*kinds, planned)))


def growth(given: Options, policy: Policy):
    small, large = (2_500, 40_000) if given.quick else (10_000, 160_000)
    few, many = accounts(small, SEED), accounts(large, SEED)
    times = 3 if given.quick else 5
    # As many decisions in both, so that neither has the better chance of a quiet moment.
    cost_few = min(best(lambda facts: decide(facts, policy), few, large // small) for _ in range(times)) / small
    cost_many = best(lambda facts: decide(facts, policy), many, times) / large
    name = f"decide, an account among {large:,}"
    yield Figure(name, cost_many * 1e6, "µs", f"among {small:,}", cost_many / cost_few, "<= 1.5")


def a_million(given: Options, policy: Policy):
    total = MILLION // 10 if given.quick else MILLION
    verdicts: Counter[str] = Counter()
    seconds = 0.0
    for piece in range(total // PIECE):
        fleet = accounts(PIECE, SEED + piece)
        start = time.process_time()
        verdicts.update(decide(facts, policy).verdict for facts in fleet)
        seconds += time.process_time() - start
    whole = seconds * MILLION / total
    name = "decide, a million accounts" + (" (a tenth measured)" if given.quick else "")
    yield Figure(name, whole, "s", "one minute", whole / 60, "<= 1")
    for verdict, count in sorted(verdicts.items()):
        yield Figure(f"  of these {verdict.value}", count / total * 100, "%")


def stored(given: Options, _: Policy):
    """Accounts with their rows read and written: in the embedded store, durably, in fleets of three sizes."""
    sizes = (1_000, 4_000, 10_000) if given.quick else (10_000, 40_000, 100_000)
    costs = {size: cost(size) for size in sizes}
    few, many = costs[sizes[0]], costs[sizes[-1]]
    for what, name in (("first", "for the first time"), ("again", "again"), ("visited", "at a visit of each")):
        for size, each in costs.items():
            seconds, beside = getattr(each, what), getattr(few, what)
            yield Figure(f"judged {name}, among {size:,}", seconds * 1e6, "µs", f"among {sizes[0]:,}", seconds / beside)
        told = [getattr(each, what) * MILLION / 60 for each in costs.values()]
        part = f"a million {name}, from {sizes[-1]:,} measured, CPU"
        yield Figure(
            part, told[-1], "min", f"ten minutes (sizes say {min(told):.1f} to {max(told):.1f})", told[-1] / 10
        )
    growth = many.again / few.again
    yield Figure("growth of the cost of an account", growth, "", f"among {sizes[0]:,}", growth, "<= 1.5")
    yield Figure("accounts judged again and committed, wall", many.again_a_second, "accounts/s")
    yield Figure("visits judged and committed, wall", many.visited_a_second, "accounts/s")


def main():
    pin()
    given, policy = options(), default_policy()
    report(
        (figure for part in (cost_of_one, judging, growth, a_million, stored) for figure in part(given, policy)),
        as_json=given.json,
    )


if __name__ == "__main__":
    main()
