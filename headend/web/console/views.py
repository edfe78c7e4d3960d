"""The lists of the console, column by column."""

from typing import Final

from headend.commands.officers import Role
from headend.meters.events import EventKind, Severity
from headend.notify.model import NoticeKind
from headend.prepaid.model import EntryKind
from headend.scheduler.ports import Outcome
from headend.web.console.tables import Choice, Column, View

_STATES: Final = tuple(
    (each, each)
    for each in (
        "requested",
        "sending",
        "unknown",
        "quarantined",
        "confirmed",
        "rejected",
        "expired",
        "cancelled",
    )
)

METERS: Final = View(
    "meters",
    "Meters",
    "/console/meters",
    (
        Column("serial", "Meter", "meter", sortable=True),
        Column("consumer_no", "Consumer", "consumer"),
        Column("name", "Name"),
        Column("office", "Office", "office", sortable=True),
        Column("connected", "Supply", "supply"),
        Column("balance", "Balance", "money"),
        Column("visited_at", "Last reached", "moment", sortable=True),
        Column("outcome", "Last visit", "state"),
    ),
    search="Serial, consumer number, mobile or name",
    flags=Choice(
        "show",
        "Which",
        (
            ("", "All"),
            ("off", "Without supply"),
            ("failing", "Last visit failed"),
            ("stale_since", "Not reached for a day"),
            ("never", "Never reached"),
            ("clock", "Clock off by a minute"),
        ),
    ),
    empty="No meter like that. Meters come in with `headend meters import`.",
)

ACCOUNTS: Final = View(
    "accounts",
    "Accounts",
    "/console/accounts",
    (
        Column("consumer_no", "Consumer", "consumer", sortable=True),
        Column("name", "Name", sortable=True),
        Column("office", "Office", "office", sortable=True),
        Column("meter", "Meter", "meter"),
        Column("balance", "Balance", "money"),
        Column("negative_since", "Below zero since", "moment", sortable=True),
        Column("connected", "Supply", "supply"),
        Column("mobile", "Mobile"),
        Column("protected", "Protected"),
    ),
    search="Consumer number, meter, mobile or name",
    flags=Choice(
        "show",
        "Which",
        (
            ("", "All"),
            ("below_zero", "Below zero"),
            ("off", "Without supply"),
            ("no_number", "Without a working number"),
            ("protected", "Protected"),
        ),
    ),
    empty="No account like that. Consumers come in with `headend consumers import`.",
)

COMMANDS: Final = View(
    "commands",
    "Commands",
    "/console/commands",
    (
        Column("id", "Number", "command", sortable=True),
        Column("meter", "Meter", "meter"),
        Column("consumer_no", "Consumer", "consumer"),
        Column("office", "Office", "office"),
        Column("target", "Target", "state"),
        Column("state", "State", "state"),
        Column("changed_at", "Since", "moment", sortable=True),
        Column("requested_by", "By"),
        Column("reason", "Reason"),
        Column("note", "Last note"),
    ),
    flags=Choice("show", "Which", (("", "All"), ("open", "Open"))),
    choices=(
        Choice("state", "State", (("", "Any state"), *_STATES)),
        Choice("target", "Target", (("", "Any"), ("connected", "connected"), ("disconnected", "disconnected"))),
    ),
    given=("meter", "consumer_no"),
    days=True,
    empty="No command like that.",
)

NOTICES: Final = View(
    "notices",
    "Notices",
    "/console/notices",
    (
        Column("at", "Written", "moment", sortable=True),
        Column("consumer_no", "Consumer", "consumer"),
        Column("name", "Name"),
        Column("office", "Office", "office"),
        Column("kind", "Notice", "words"),
        Column("channel", "Channel"),
        Column("state", "State", "state"),
        Column("sent_to", "Sent to"),
        Column("delivered_at", "Delivered", "moment"),
        Column("error", "Error"),
    ),
    flags=Choice(
        "show", "Which", (("", "All"), ("failed", "Not delivered"), ("failed_since", "Not delivered in a day"))
    ),
    choices=(
        Choice("kind", "Notice", (("", "Any"), *((each.value, each.value.replace("_", " ")) for each in NoticeKind))),
    ),
    given=("consumer_no",),
    days=True,
    empty="No notice like that.",
)

_WORK_LISTS: Final = (
    ("/console/work", "Items"),
    ("/console/given-up", "Given up"),
    ("/console/work?kind=reconnect_late", "Late reconnects"),
    ("/console/work?kind=outcome_unknown", "Unknown outcomes"),
    ("/console/conflicts", "Contradictions"),
    ("/console/complaints", "Complaints"),
    ("/console/corrections", "Corrections"),
)

_WORK_KINDS: Final = (
    ("", "Any"),
    ("reconnect_late", "late reconnect"),
    ("reconnect_rejected", "rejected reconnect"),
    ("outcome_unknown", "unknown outcome"),
    ("clock_off", "clock off"),
    ("tamper", "tamper"),
    ("given_up", "given up"),
    ("conflict", "contradiction"),
)

WORK: Final = View(
    "work",
    "Work",
    "/console/work",
    (
        Column("id", "Number", "work", sortable=True),
        Column("kind", "What", "state", sortable=True),
        Column("office", "Office", "office", sortable=True),
        Column("meter", "Meter", "meter"),
        Column("consumer_no", "Consumer", "consumer"),
        Column("command", "Command", "command"),
        Column("opened_at", "Since", "moment", sortable=True),
        Column("owner", "Owner", sortable=True),
        Column("tried", "Tried", "lines"),
        Column("closed_by", "Closed by"),
        Column("note", "Note"),
    ),
    search="Meter or consumer number",
    flags=Choice(
        "show",
        "Which",
        (("open", "Open"), ("nobody", "Nobody has it"), ("closed", "Closed"), ("", "All")),
        first="open",
    ),
    choices=(Choice("kind", "What", _WORK_KINDS),),
    given=("meter", "owner"),
    days=True,
    empty="Nothing to do here.",
    extra={"close": "/console/work/{id}"},
    beside=_WORK_LISTS,
)

GIVEN_UP: Final = View(
    "given_up",
    "Given up",
    "/console/given-up",
    (
        Column("meter", "Meter", "meter", sortable=True),
        Column("consumer_no", "Consumer", "consumer"),
        Column("office", "Office", "office", sortable=True),
        Column("outcome", "Outcome", "state", sortable=True),
        Column("first_cause", "First cause"),
        Column("failures", "Failures", "count", sortable=True),
        Column("first_at", "Since", "moment", sortable=True),
        Column("at", "Given up", "moment", sortable=True),
        Column("tasks", "What", "list"),
    ),
    search="Meter or consumer number",
    flags=Choice("show", "Which", (("", "All"), ("waiting", "Not asked for again"))),
    choices=(
        Choice(
            "outcome",
            "Outcome",
            (
                ("", "Any"),
                ("unreachable", "unreachable"),
                ("refused", "refused"),
                ("wrong_meter", "wrong meter"),
                ("failed", "failed"),
                ("expired", "expired"),
                ("busy", "busy"),
            ),
        ),
    ),
    given=("meter",),
    empty="No visit is given up.",
    beside=_WORK_LISTS,
)

PROTECTIONS: Final = View(
    "protections",
    "Protected consumers",
    "/console/cuts/protected",
    (
        Column("consumer_no", "Consumer", "consumer", sortable=True),
        Column("name", "Name", sortable=True),
        Column("office", "Office", "office", sortable=True),
        Column("meter", "Meter", "meter"),
        Column("reason", "Reason"),
        Column("added_by", "By"),
        Column("added_at", "Since", "moment", sortable=True),
        Column("lift_asked_by", "To be lifted, asks"),
    ),
    search="Consumer number, meter or name",
    flags=Choice(
        "show",
        "Which",
        (("all", "All"), ("asked", "To be lifted by a second person"), ("by_officer", "Given by officers")),
        first="all",
    ),
    empty="Nobody is protected by name. Categories are protected by the policy.",
)

COMPLAINTS: Final = View(
    "complaints",
    "Complaints",
    "/console/complaints",
    (
        Column("id", "Number", sortable=True),
        Column("at", "Written", "moment", sortable=True),
        Column("consumer_no", "Consumer", "consumer"),
        Column("name", "Name"),
        Column("office", "Office", "office", sortable=True),
        Column("subject", "About", "words", sortable=True),
        Column("text", "Text"),
        Column("closed_by", "Closed by"),
        Column("answer", "Answer"),
    ),
    search="Consumer number",
    flags=Choice("show", "Which", (("open", "Open"), ("closed", "Closed"), ("", "All")), first="open"),
    given=("consumer_no",),
    days=True,
    empty="No complaint is open.",
    extra={"close": "/console/complaints/{id}"},
    beside=_WORK_LISTS,
)

VISITS: Final = View(
    "visits",
    "Visits",
    "/console/visits",
    (
        Column("finished", "Ended", "moment", sortable=True),
        Column("meter", "Meter", "meter"),
        Column("office", "Office", "office"),
        Column("outcome", "Outcome", "state"),
        Column("error", "Error"),
    ),
    flags=Choice("show", "Which", (("", "All"), ("failed", "Failed"))),
    choices=(
        Choice("outcome", "Outcome", (("", "Any"), *((each.value, each.value.replace("_", " ")) for each in Outcome))),
    ),
    given=("meter",),
    days=True,
    empty="No visit like that.",
)

EVENTS: Final = View(
    "events",
    "Events",
    "/console/events",
    (
        Column("number", "Number", sortable=True),
        Column("at", "Time", "moment", sortable=True),
        Column("kind", "What", "words"),
        Column("meter", "Meter", "meter"),
        Column("consumer_no", "Consumer", "consumer"),
        Column("office", "Office", "office"),
        Column("payload", "Facts", "json"),
    ),
    given=("meter", "consumer_no", "kind"),
    days=True,
    empty="Nothing has happened.",
)

METER_EVENTS: Final = View(
    "meter_events",
    "Events of meters",
    "/console/meter-events",
    (
        Column("seen_at", "Seen", "moment", sortable=True),
        Column("meter", "Meter", "meter"),
        Column("consumer_no", "Consumer", "consumer"),
        Column("office", "Office", "office"),
        Column("name", "What", "words"),
        Column("kind", "Kind", "words"),
        Column("severity", "Severity", "state"),
        Column("started_at", "Began", "moment"),
        Column("ended_at", "Ended", "moment"),
    ),
    search="Meter",
    flags=Choice("show", "Which", (("", "All"), ("lasting", "Lasting"), ("seen_since", "Seen in a day"))),
    choices=(
        Choice("kind", "Kind", (("", "Any"), *((each.value, each.value) for each in EventKind))),
        Choice("severity", "Severity", (("", "Any"), *((each.value, each.value) for each in Severity))),
    ),
    given=("meter",),
    days=True,
    empty="No meter logged anything like that.",
)

OFFICERS: Final = View(
    "officers",
    "Users",
    "/console/administration/list",
    (
        Column("name", "Name", sortable=True),
        Column("full_name", "Full name"),
        Column("role", "Role", sortable=True),
        Column("office", "Office", "office", sortable=True),
        Column("state", "State", "state"),
        Column("last_login", "Last log in", "moment", sortable=True),
        Column("made_at", "Added", "moment", sortable=True),
        Column("made_by", "By"),
    ),
    search="Name",
    flags=Choice(
        "show",
        "Which",
        (("", "All"), ("active", "May log in"), ("disabled", "Shut out"), ("no_password", "No password yet")),
    ),
    choices=(Choice("role", "Role", (("", "Any"), *((each.value, each.value) for each in Role))),),
    empty="Nobody like that.",
)

CONFLICTS: Final = View(
    "conflicts",
    "Conflicts",
    "/console/conflicts",
    (
        Column("at", "Captured", "moment", sortable=True),
        Column("meter", "Meter", "meter", sortable=True),
        Column("office", "Office", "office", sortable=True),
        Column("object", "Object", sortable=True),
        Column("kept", "Kept"),
        Column("came", "Came later"),
    ),
    given=("meter",),
    days=True,
    empty="No value contradicts another.",
    extra={"open": "conflict"},
    beside=_WORK_LISTS,
)

AUDIT: Final = View(
    "audit",
    "Audit",
    "/console/audit",
    (
        Column("number", "Number", sortable=True),
        Column("at", "Time", "moment", sortable=True),
        Column("by", "Who"),
        Column("via", "By way of"),
        Column("action", "Did"),
        Column("subject", "To"),
        Column("office", "Office", "office"),
        Column("detail", "Detail", "json"),
        Column("digest", "Digest", "digest"),
    ),
    search="Who, what or to what",
    choices=(
        Choice(
            "via",
            "By way of",
            (("", "Any"), ("console", "console"), ("cli", "command line"), ("api", "API"), ("portal", "portal")),
        ),
    ),
    given=("by", "subject"),
    days=True,
    empty="Nobody has done anything yet.",
)

CORRECTIONS: Final = View(
    "corrections",
    "Corrections",
    "/console/corrections",
    (
        Column("id", "Number", sortable=True),
        Column("consumer_no", "Consumer", "consumer"),
        Column("name", "Name"),
        Column("office", "Office", "office", sortable=True),
        Column("kind", "Kind", "words"),
        Column("amount", "Amount", "money", sortable=True),
        Column("reason", "Reason"),
        Column("proposed_by", "Asked for by", sortable=True),
        Column("proposed_at", "When", "moment", sortable=True),
        Column("state", "State", "state", sortable=True),
        Column("decided_by", "Decided by"),
    ),
    flags=Choice("show", "Which", (("open", "Waiting"), ("", "All")), first="open"),
    given=("consumer_no",),
    empty="No correction waits.",
    extra={"decide": "/console/corrections/{id}"},
    beside=_WORK_LISTS,
)

LEDGER: Final = View(
    "ledger",
    "Ledger",
    "/console/ledger",
    (
        Column("at", "Time", "moment", sortable=True),
        Column("consumer_no", "Consumer", "consumer"),
        Column("kind", "Kind", "words"),
        Column("amount", "Amount", "money"),
        Column("balance", "Balance", "money"),
        Column("reference", "Reference"),
        Column("note", "Note"),
    ),
    choices=(Choice("kind", "Kind", (("", "Any"), *((each.value, each.value) for each in EntryKind))),),
    given=("consumer_no",),
    days=True,
    empty="Nothing is booked.",
)

#: Lists that are a page of their own and nothing else.
PLAIN: Final = (
    METERS,
    ACCOUNTS,
    COMMANDS,
    NOTICES,
    WORK,
    COMPLAINTS,
    VISITS,
    EVENTS,
    METER_EVENTS,
    CONFLICTS,
    CORRECTIONS,
    LEDGER,
)
