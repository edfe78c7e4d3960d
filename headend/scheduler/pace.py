"""How often the collector looks at what, and how long it waits for anything."""

from attrs import frozen

from headend.scheduler.backoff import COLLECTION, RELAY, BackoffRules


@frozen
class CollectorRules:
    """How often the journal is looked at and the inventory read again, and how long things may take, in seconds."""

    poll_s: float = 0.2
    inventory_s: float = 60.0
    expire_s: float = 5.0
    overdue_s: float = 30.0
    orders_s: float = 1.0
    notes_s: float = 2.0
    #: A slice of the daily search for gaps; 100 meters each, so that a million take three hours.
    gaps_s: float = 1.0
    #: Failed visits after which work is given up until the meter answers or a person asks: some 15 minutes.
    attempts: int = 6
    #: A backstop behind the session's own deadline, which names what was outstanding.
    visit_s: float = 180.0
    #: SIGTERM ends within 10 s: what is not done by then is cancelled, and the journal says UNKNOWN.
    stop_s: float = 8.0
    collection: BackoffRules = COLLECTION
    relay: BackoffRules = RELAY
