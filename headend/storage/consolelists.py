"""Lists of what officers alone look after: work that was given up, and who is protected."""

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

CONSOLE_LISTS: Final = {"given_up": GIVEN_UP, "protections": PROTECTIONS}
