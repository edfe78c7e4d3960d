"""Lists of what officers alone look after: visits given up, who is protected, what meters logged, who may log in."""

from typing import Final

from headend.storage.listings import Listing

GIVEN_UP: Final = Listing(
    source="given_up g JOIN meters m ON m.id = g.meter LEFT JOIN accounts a ON a.consumer_no = m.consumer_no",
    columns={
        "meter": "m.serial",
        "consumer_no": "m.consumer_no",
        "name": "a.name",
        "office": "m.office",
        "tasks": "g.tasks",
        "outcome": "g.outcome",
        "first_cause": "g.first_cause",
        "failures": "g.failures",
        "first_at": "g.first_at",
        "at": "g.at",
        "requeued": "g.requeued",
        "work": "(SELECT max(id) FROM work_items w WHERE w.meter = g.meter AND w.kind = 'given_up'"
        " AND w.closed_at IS NULL)",
    },
    key="g.meter",
    office="m.office",
    sorts={
        "first_at": "g.first_at",
        "at": "g.at",
        "meter": "m.serial",
        "office": "m.office",
        "outcome": "g.outcome",
        "failures": "g.failures",
    },
    sort="first_at",
    search="m.serial >= :q AND m.serial < :q_end OR m.consumer_no >= :q AND m.consumer_no < :q_end",
    filters={"meter": "m.serial = :meter", "outcome": "g.outcome = :outcome", "waiting": "g.requeued = 0"},
    times=frozenset({"first_at", "at"}),
)

PROTECTIONS: Final = Listing(
    source="accounts a LEFT JOIN protections p ON p.account = a.id AND p.lifted_at IS NULL"
    " LEFT JOIN meters m ON m.consumer_no = a.consumer_no",
    columns={
        "consumer_no": "a.consumer_no",
        "name": "a.name",
        "office": "a.office",
        "meter": "m.serial",
        "reason": "a.protected",
        "number": "p.id",
        "added_by": "coalesce(p.added_by, 'import')",
        "added_at": "p.added_at",
        "lift_asked_by": "p.lift_asked_by",
    },
    key="a.consumer_no",
    office="a.office",
    sorts={
        "consumer_no": "a.consumer_no",
        "name": "a.name COLLATE NOCASE",
        "office": "a.office",
        "added_at": "p.added_at",
    },
    sort="consumer_no",
    search="a.consumer_no >= :q AND a.consumer_no < :q_end OR m.serial >= :q AND m.serial < :q_end"
    " OR a.name LIKE :q_like",
    filters={
        "all": "a.protected IS NOT NULL",
        "asked": "p.lift_asked_by IS NOT NULL",
        "by_officer": "p.id IS NOT NULL",
    },
    times=frozenset({"added_at"}),
)

METER_EVENTS: Final = Listing(
    source="meter_events e JOIN meters m ON m.id = e.meter",
    columns={
        "seen_at": "e.seen_at",
        "meter": "m.serial",
        "consumer_no": "m.consumer_no",
        "office": "e.office",
        "name": "e.name",
        "kind": "e.kind",
        "severity": "e.severity",
        "code": "e.code",
        "started_at": "e.started_at",
        "ended_at": "e.ended_at",
    },
    key="e.id",
    office="e.office",
    sorts={"seen_at": "e.seen_at"},
    sort="seen_at",
    descending=True,
    search="m.serial >= :q AND m.serial < :q_end",
    filters={
        "meter": "m.serial = :meter",
        "kind": "e.kind = :kind",
        "severity": "e.severity = :severity",
        "lasting": "e.started_at IS NOT NULL AND e.ended_at IS NULL",
        "seen_since": "e.seen_at > CAST(:seen_since AS INTEGER)",
        "from": "e.seen_at >= CAST(:from AS INTEGER)",
        "to": "e.seen_at < CAST(:to AS INTEGER)",
    },
    times=frozenset({"seen_at", "started_at", "ended_at"}),
)

OFFICERS: Final = Listing(
    source="officers o",
    columns={
        "name": "o.name",
        "full_name": "o.full_name",
        "role": "o.role",
        "office": "o.office",
        "state": "CASE WHEN o.disabled_at IS NOT NULL THEN 'shut_out' WHEN o.password IS NULL THEN 'no_password'"
        " ELSE 'active' END",
        "last_login": "o.last_login",
        "made_at": "o.made_at",
        "made_by": "o.made_by",
    },
    key="o.name",
    office="o.office",
    sorts={
        "name": "o.name",
        "role": "o.role",
        "office": "o.office",
        "last_login": "o.last_login",
        "made_at": "o.made_at",
    },
    sort="name",
    search="o.name >= :q AND o.name < :q_end OR o.full_name LIKE :q_like",
    filters={
        "role": "o.role = :role",
        "active": "o.disabled_at IS NULL",
        "disabled": "o.disabled_at IS NOT NULL",
        "no_password": "o.password IS NULL",
    },
    times=frozenset({"last_login", "made_at"}),
)

CONSOLE_LISTS: Final = {
    "given_up": GIVEN_UP,
    "protections": PROTECTIONS,
    "meter_events": METER_EVENTS,
    "officers": OFFICERS,
}
