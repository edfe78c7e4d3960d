"""Other systems that may ask for things, each by a token."""

from datetime import datetime

from attrs import frozen


@frozen
class System:
    """A token's holder: what it may (`scopes`), for which office and below, how often a minute."""

    id: int
    name: str
    scopes: frozenset[str]
    office: str
    per_minute: int
    made_at: datetime
    made_by: str
    revoked: bool
    used_at: datetime | None


@frozen
class Answered:
    """What a request with this idempotency key was answered; `status` None while that is still being found out."""

    same: bool
    status: int | None
    body: str | None
