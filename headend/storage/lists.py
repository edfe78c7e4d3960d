# ruff: noqa: S608  the pieces are constants of this file, values go in as parameters
"""The lists that there are: meters, accounts, commands, notices, work, visits, events, audit, and the rest."""

from typing import Final

from headend.storage.listings import Listing

_BALANCE: Final = (
    "CASE WHEN a.balance_source = 'meter' THEN s.balance WHEN a.id IS NOT NULL THEN coalesce(b.paise, 0) END"
)
_OF_DIGITS: Final = (
    "SELECT consumer_no FROM accounts WHERE consumer_no >= :q AND consumer_no < :q_end"
    " UNION SELECT consumer_no FROM accounts WHERE mobile >= :q AND mobile < :q_end"
)
_OF_PERSON: Final = f"{_OF_DIGITS} UNION SELECT consumer_no FROM accounts WHERE name LIKE :q_like"
_METERS_OF: Final = (
    "m.serial IN (SELECT serial FROM meters WHERE serial >= :q AND serial < :q_end"
    " UNION SELECT serial FROM meters WHERE consumer_no IN ({of}))"
)
_ACCOUNTS_OF: Final = (
    "a.consumer_no IN ({of} UNION SELECT consumer_no FROM meters WHERE serial >= :q AND serial < :q_end)"
)

METERS: Final = Listing(
    source="meters m",
    joins={
        "s": "LEFT JOIN meter_state s ON s.meter = m.id",
        "a": "LEFT JOIN accounts a ON a.consumer_no = m.consumer_no",
        "b": "LEFT JOIN balances b ON b.account = a.id",
    },
    columns={
        "serial": "m.serial",
        "consumer_no": "m.consumer_no",
        "name": "a.name",
        "office": "m.office",
        "model": "m.model",
        "lane": "m.lane",
        "address": "m.address",
        "connected": "s.relay_connected",
        "balance": _BALANCE,
        "reading_at": "s.reading_at",
        "visited_at": "s.last_done",
        "outcome": "s.last_outcome",
        "clock_deviation": "s.clock_deviation",
    },
    key="m.serial",
    office="m.office",
    sorts={
        "serial": "m.serial",
        "office": "m.office",
        "visited_at": "s.last_done",
        "clock_deviation": "s.clock_deviation",
    },
    sort="serial",
    search=_METERS_OF.format(of=_OF_PERSON),
    search_digits=_METERS_OF.format(of=_OF_DIGITS),
    filters={
        "off": "m.id IN (SELECT meter FROM meter_state WHERE relay_connected = 0)",
        "failing": "m.id IN (SELECT meter FROM meter_state WHERE last_outcome <> 'done')",
        "never": "s.last_done IS NULL",
        "stale_since": "s.last_done IS NULL OR s.last_done < CAST(:stale_since AS INTEGER)",
        "clock": "m.id IN (SELECT meter FROM meter_state WHERE abs(clock_deviation) > 60)",
        "serial": "m.serial = :serial",
        "consumer_no": "m.consumer_no = :consumer_no",
    },
    times=frozenset({"reading_at", "visited_at"}),
)

ACCOUNTS: Final = Listing(
    source="accounts a",
    joins={
        "b": "LEFT JOIN balances b ON b.account = a.id",
        "m": "LEFT JOIN meters m ON m.consumer_no = a.consumer_no",
        "s": "LEFT JOIN meter_state s ON s.meter = m.id",
        "k": "LEFT JOIN contacts k ON k.account = a.id",
    },
    columns={
        "consumer_no": "a.consumer_no",
        "name": "a.name",
        "office": "a.office",
        "mobile": "a.mobile",
        "category": "a.category",
        "tariff": "a.tariff",
        "protected": "a.protected",
        "balance_source": "a.balance_source",
        "meter": "m.serial",
        "balance": _BALANCE,
        "negative_since": "a.negative_since",
        "connected": "s.relay_connected",
        "unreachable_since": "k.listed_at",
        "undelivered": "coalesce(k.undelivered, 0)",
    },
    key="a.consumer_no",
    office="a.office",
    sorts={
        "consumer_no": "a.consumer_no",
        "name": "a.name COLLATE NOCASE",
        "office": "a.office",
        "negative_since": "a.negative_since",
    },
    sort="consumer_no",
    search=_ACCOUNTS_OF.format(of=_OF_PERSON),
    search_digits=_ACCOUNTS_OF.format(of=_OF_DIGITS),
    filters={
        "below_zero": "a.id IN (SELECT id FROM accounts WHERE negative_since IS NOT NULL)",
        "no_number": "a.id IN (SELECT id FROM accounts WHERE mobile IS NULL"
        " UNION SELECT account FROM contacts WHERE listed_at IS NOT NULL)",
        "protected": "a.id IN (SELECT id FROM accounts WHERE protected IS NOT NULL)",
        "off": "m.id IN (SELECT meter FROM meter_state WHERE relay_connected = 0)",
        "consumer_no": "a.consumer_no = :consumer_no",
        "meter": "m.serial = :meter",
    },
    times=frozenset({"negative_since", "unreachable_since"}),
)

COMMANDS: Final = Listing(
    source="commands c",
    joins={
        "m": "JOIN meters m ON m.id = c.meter",
        "a": "LEFT JOIN accounts a ON a.consumer_no = m.consumer_no",
    },
    columns={
        "id": "c.id",
        "meter": "m.serial",
        "consumer_no": "m.consumer_no",
        "name": "a.name",
        "office": "c.segment",
        "target": "c.target",
        "state": "c.state",
        "origin": "c.origin",
        "reason": "c.reason",
        "cause": "c.cause",
        "requested_by": "c.requested_by",
        "requested_at": "c.requested_at",
        "changed_at": "c.changed_at",
        "expires_at": "c.expires_at",
        "attempts": "c.attempts",
        "balance": "c.balance",
        "emergency": "c.emergency",
        "superseded_by": "c.superseded_by",
        "note": "(SELECT note FROM command_steps t WHERE t.command = c.id ORDER BY t.id DESC LIMIT 1)",
    },
    key="c.id",
    office="c.segment",
    sorts={"id": "c.id", "changed_at": "c.changed_at"},
    sort="id",
    descending=True,
    filters={
        "state": "c.state = :state",
        "target": "c.target = :target",
        "origin": "c.origin = :origin",
        "open": "c.state IN ('requested', 'sending', 'unknown', 'quarantined')",
        "meter": "m.serial = :meter",
        "consumer_no": "m.consumer_no = :consumer_no",
        "from": "c.changed_at >= CAST(:from AS INTEGER)",
        "to": "c.changed_at < CAST(:to AS INTEGER)",
        "since": "c.changed_at >= CAST(:since AS INTEGER)",
        "id": "c.id = :id",
    },
    times=frozenset({"requested_at", "changed_at", "expires_at"}),
)

NOTICES: Final = Listing(
    source="notices n",
    joins={
        "a": "JOIN accounts a ON a.id = n.account",
        "d": "LEFT JOIN deliveries d ON d.id = (SELECT max(id) FROM deliveries WHERE notice = n.id)",
    },
    columns={
        "id": "n.id",
        "at": "n.at",
        "consumer_no": "a.consumer_no",
        "name": "a.name",
        "office": "a.office",
        "kind": "n.kind",
        "language": "a.language",
        "channel": "d.channel",
        "state": "d.state",
        "sent_at": "d.sent_at",
        "sent_to": "d.sent_to",
        "sends": "coalesce(d.sends, 0)",
        "delivered_at": "n.delivered_at",
        "error": "d.error",
        "texts": "n.texts",
    },
    key="n.id",
    office="a.office",
    sorts={"id": "n.id", "at": "n.id"},
    sort="id",
    descending=True,
    filters={
        "from": "n.at >= CAST(:from AS INTEGER)",
        "to": "n.at < CAST(:to AS INTEGER)",
        "state": "d.state = :state",
        "kind": "n.kind = :kind",
        "consumer_no": "a.consumer_no = :consumer_no",
        "since": "n.at >= CAST(:since AS INTEGER)",
        "failed": "n.id IN (SELECT notice FROM deliveries WHERE state = 'failed')",
        "failed_since": "n.id IN (SELECT notice FROM deliveries WHERE state = 'failed'"
        " AND changed_at > CAST(:failed_since AS INTEGER))",
    },
    times=frozenset({"at", "sent_at", "delivered_at"}),
)

COMPLAINTS: Final = Listing(
    source="complaints p",
    joins={
        "a": "JOIN accounts a ON a.id = p.account",
    },
    columns={
        "id": "p.id",
        "consumer_no": "a.consumer_no",
        "name": "a.name",
        "office": "p.office",
        "at": "p.at",
        "subject": "p.subject",
        "text": "p.text",
        "closed_at": "p.closed_at",
        "closed_by": "p.closed_by",
        "answer": "p.answer",
    },
    key="p.id",
    office="p.office",
    sorts={"id": "p.id", "at": "p.id", "office": "p.office", "subject": "p.subject"},
    sort="id",
    search="a.consumer_no >= :q AND a.consumer_no < :q_end",
    filters={
        "from": "p.at >= CAST(:from AS INTEGER)",
        "to": "p.at < CAST(:to AS INTEGER)",
        "open": "p.closed_at IS NULL",
        "closed": "p.closed_at IS NOT NULL",
        "consumer_no": "a.consumer_no = :consumer_no",
    },
    times=frozenset({"at", "closed_at"}),
)

WORK: Final = Listing(
    source="work_items w",
    joins={
        "m": "JOIN meters m ON m.id = w.meter",
        "a": "LEFT JOIN accounts a ON a.consumer_no = w.consumer_no",
    },
    columns={
        "id": "w.id",
        "kind": "w.kind",
        "office": "w.office",
        "meter": "m.serial",
        "consumer_no": "w.consumer_no",
        "name": "a.name",
        "command": "w.command",
        "opened_at": "w.opened_at",
        "tried": "w.tried",
        "closed_at": "w.closed_at",
        "closed_by": "w.closed_by",
        "note": "w.note",
        "owner": "w.owner",
    },
    key="w.id",
    office="w.office",
    sorts={"id": "w.id", "office": "w.office", "kind": "w.kind", "owner": "w.owner", "opened_at": "w.opened_at"},
    sort="id",
    search="m.serial >= :q AND m.serial < :q_end OR w.consumer_no >= :q AND w.consumer_no < :q_end",
    filters={
        "from": "w.opened_at >= CAST(:from AS INTEGER)",
        "to": "w.opened_at < CAST(:to AS INTEGER)",
        "nobody": "w.closed_at IS NULL AND w.owner IS NULL",
        "owner": "w.owner = :owner AND w.closed_at IS NULL",
        "meter": "m.serial = :meter",
        "open": "w.closed_at IS NULL",
        "closed": "w.closed_at IS NOT NULL",
        "kind": "w.kind = :kind",
        "id": "w.id = :id",
    },
    times=frozenset({"opened_at", "closed_at"}),
)

VISITS: Final = Listing(
    source="visits v",
    joins={
        "m": "JOIN meters m ON m.id = v.meter",
    },
    columns={
        "id": "v.id",
        "meter": "m.serial",
        "office": "m.office",
        "started": "v.started",
        "finished": "v.finished",
        "outcome": "v.outcome",
        "error": "v.error",
    },
    key="v.id",
    office="m.office",
    sorts={"id": "v.id", "finished": "v.id"},
    sort="id",
    descending=True,
    filters={
        "meter": "m.serial = :meter",
        "failed": "v.outcome <> 'done'",
        "outcome": "v.outcome = :outcome",
        "from": "v.finished >= CAST(:from AS INTEGER)",
        "to": "v.finished < CAST(:to AS INTEGER)",
    },
    times=frozenset({"started", "finished"}),
)

EVENTS: Final = Listing(
    source="events e",
    joins={
        "m": "LEFT JOIN meters m ON m.serial = e.meter",
        "a": "LEFT JOIN accounts a ON a.consumer_no = e.consumer_no",
    },
    columns={
        "number": "e.number",
        "at": "e.at",
        "kind": "e.kind",
        "meter": "e.meter",
        "consumer_no": "e.consumer_no",
        "office": "coalesce(m.office, a.office)",
        "payload": "e.payload",
    },
    key="e.number",
    office="coalesce(m.office, a.office)",
    sorts={"number": "e.number", "at": "e.number"},
    sort="number",
    descending=True,
    filters={
        "from": "e.at >= CAST(:from AS INTEGER)",
        "to": "e.at < CAST(:to AS INTEGER)",
        "meter": "e.meter = :meter",
        "consumer_no": "e.consumer_no = :consumer_no",
        "kind": "e.kind = :kind",
        "since": "e.at >= CAST(:since AS INTEGER)",
    },
    times=frozenset({"at"}),
)

CONFLICTS: Final = Listing(
    source="conflicts c",
    joins={
        "m": "JOIN meters m ON m.id = c.meter",
    },
    columns={
        "id": "c.id",
        "meter": "m.serial",
        "office": "m.office",
        "object": "c.object",
        "at": "c.at",
        "kept": "c.kept",
        "came": "c.came",
    },
    key="c.id",
    office="m.office",
    sorts={"id": "c.id", "at": "c.at", "meter": "m.serial", "object": "c.object", "office": "m.office"},
    sort="id",
    descending=True,
    filters={
        "meter": "m.serial = :meter",
        "from": "c.at >= CAST(:from AS INTEGER)",
        "to": "c.at < CAST(:to AS INTEGER)",
    },
    times=frozenset({"at"}),
)

AUDIT: Final = Listing(
    source="audit u",
    columns={
        "number": "u.number",
        "at": "u.at",
        "by": "u.by",
        "via": "u.via",
        "action": "u.action",
        "subject": "u.subject",
        "office": "u.office",
        "detail": "u.detail",
        "digest": "lower(hex(u.digest))",
    },
    key="u.number",
    office="u.office",
    sorts={"number": "u.number", "at": "u.number"},
    sort="number",
    descending=True,
    search="u.by >= :q AND u.by < :q_end OR u.subject >= :q AND u.subject < :q_end OR u.action LIKE :q_like",
    filters={
        "by": "u.by = :by",
        "via": "u.via = :via",
        "subject": "u.subject = :subject",
        "from": "u.at >= CAST(:from AS INTEGER)",
        "to": "u.at < CAST(:to AS INTEGER)",
    },
    times=frozenset({"at"}),
)

CORRECTIONS: Final = Listing(
    source="corrections c",
    joins={
        "a": "JOIN accounts a ON a.id = c.account",
    },
    columns={
        "id": "c.id",
        "consumer_no": "a.consumer_no",
        "name": "a.name",
        "office": "a.office",
        "kind": "c.kind",
        "amount": "c.amount",
        "reason": "c.reason",
        "proposed_by": "c.proposed_by",
        "proposed_at": "c.proposed_at",
        "state": "c.state",
        "decided_by": "c.decided_by",
    },
    key="c.id",
    office="a.office",
    sorts={
        "id": "c.id",
        "proposed_at": "c.id",
        "amount": "c.amount",
        "office": "a.office",
        "state": "c.state",
        "proposed_by": "c.proposed_by",
    },
    sort="id",
    descending=True,
    filters={"open": "c.state = 'proposed'", "consumer_no": "a.consumer_no = :consumer_no", "id": "c.id = :id"},
    times=frozenset({"proposed_at"}),
)

LEDGER: Final = Listing(
    source="ledger l",
    joins={
        "a": "JOIN accounts a ON a.id = l.account",
    },
    columns={
        "id": "l.id",
        "consumer_no": "a.consumer_no",
        "kind": "l.kind",
        "amount": "l.amount",
        "balance": "l.balance",
        "reference": "l.reference",
        "at": "l.at",
        "booked_at": "l.booked_at",
        "note": "l.note",
    },
    key="l.id",
    office="a.office",
    sorts={"id": "l.id", "at": "l.id"},
    sort="id",
    descending=True,
    filters={
        "consumer_no": "a.consumer_no = :consumer_no",
        "kind": "l.kind = :kind",
        "from": "l.booked_at >= CAST(:from AS INTEGER)",
        "to": "l.booked_at < CAST(:to AS INTEGER)",
    },
    times=frozenset({"at", "booked_at"}),
)

LISTS: Final = {
    "meters": METERS,
    "accounts": ACCOUNTS,
    "commands": COMMANDS,
    "notices": NOTICES,
    "work": WORK,
    "complaints": COMPLAINTS,
    "visits": VISITS,
    "events": EVENTS,
    "conflicts": CONFLICTS,
    "audit": AUDIT,
    "corrections": CORRECTIONS,
    "ledger": LEDGER,
}
