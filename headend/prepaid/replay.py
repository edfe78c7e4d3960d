"""Decisions made once more: the facts that were kept, judged by other rules, before those rules go live."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from attrs import define, evolve, field, frozen

from headend.prepaid.decision import Decision, Defer, Reason, Verdict
from headend.prepaid.model import Facts, Mode
from headend.prepaid.policy import Policy, decide


class Effect(StrEnum):
    """What a decision meant for the consumer."""

    CUT = "cut"
    WOULD_CUT = "would_cut"
    WARNED = "warned"
    RESTORED = "restored"
    LEFT_ALONE = "left_alone"


@frozen
class Kept:
    """A decision as it was stored; `facts` JSON text, `times` how often it was made in a row."""

    id: int
    consumer_no: str
    at: datetime
    verdict: Verdict
    reason: str
    would: Verdict | None
    times: int
    facts: str


@frozen
class Replayed:
    """One stored decision beside the one that the other rules give."""

    id: int
    consumer_no: str
    meter: str | None
    at: datetime
    times: int
    before: Effect
    before_reason: str
    after: Effect
    after_reason: Reason

    @property
    def differs(self) -> bool:
        """Whether the consumer would have noticed, or the reason is another."""
        return (self.before, self.before_reason) != (self.after, self.after_reason.value)


@define
class Comparison:
    """Counts before and after, by what it meant; every decision that differs; consumers newly cut, and spared."""

    decisions: int = 0
    before: Counter[Effect] = field(factory=Counter)
    after: Counter[Effect] = field(factory=Counter)
    rows: list[Replayed] = field(factory=list)
    newly_cut: set[str] = field(factory=set)
    spared: set[str] = field(factory=set)


def read_facts(text: str) -> Facts:
    """The facts of a stored decision; msgspec.ValidationError for a text that holds none."""
    return msgspec.json.decode(text, type=Facts)


def replay(kept: Kept, policy: Policy, *, automatic: bool = False) -> Replayed:
    """Judge the facts of one decision by `policy`; `automatic` as if its office had cut by itself, armed."""
    facts = read_facts(kept.facts)
    if automatic:
        facts = evolve(facts, mode=Mode.AUTOMATIC, armed=True, kill_switch=False)
    decision = decide(facts, policy)
    return Replayed(
        id=kept.id,
        consumer_no=kept.consumer_no,
        meter=facts.account.meter,
        at=kept.at,
        times=kept.times,
        before=effect(kept.verdict, kept.would),
        before_reason=kept.reason,
        after=effect(decision.verdict, _would(decision)),
        after_reason=decision.reason,
    )


def compare(stored: Iterable[Kept], policy: Policy, *, automatic: bool = False) -> Comparison:
    """Every stored decision judged again; memory grows with the differences only."""
    found = Comparison()
    for kept in stored:
        again = replay(kept, policy, automatic=automatic)
        found.decisions += 1
        found.before[again.before] += 1
        found.after[again.after] += 1
        if again.differs:
            found.rows.append(again)
        if again.after is Effect.CUT and again.before is not Effect.CUT:
            found.newly_cut.add(again.consumer_no)
        if again.before is Effect.CUT and again.after is not Effect.CUT:
            found.spared.add(again.consumer_no)
    return found


def effect(verdict: Verdict, would: Verdict | None) -> Effect:
    """What a verdict meant for the consumer."""
    match verdict:
        case Verdict.DISCONNECT:
            return Effect.CUT
        case Verdict.RECONNECT:
            return Effect.RESTORED
        case Verdict.WARN:
            return Effect.WARNED
        case Verdict.DEFER if would is Verdict.DISCONNECT:
            return Effect.WOULD_CUT
        case _:
            return Effect.LEFT_ALONE


def _would(decision: Decision) -> Verdict | None:
    return decision.would if isinstance(decision, Defer) else None
