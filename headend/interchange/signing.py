"""Who sent a message and when: an HMAC-SHA256 over its time and its body.

The header `Headend-Signature` is `t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>." and the body>`, the form in
which this house signs what it sends. It may hold several `v1=`, one of which has to fit: so a secret is changed without
a gap.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

HEADER: Final = "Headend-Signature"

_STAMP: Final = re.compile(r"[0-9]{1,12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
#: More signatures than any change of secrets needs.
_MOST: Final = 8


class Fault(StrEnum):
    """Why a signature is not taken."""

    MISSING = "signature_missing"
    MALFORMED = "signature_malformed"
    WRONG = "signature_wrong"
    STALE = "signature_stale"


def sign(secret: str, body: bytes, moment: datetime) -> str:
    """The value of the header for a body that is sent at `moment`."""
    stamp = str(int(moment.timestamp()))
    return f"t={stamp},v1={_digest(secret, stamp, body)}"


def verify(
    secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: datetime, tolerance: timedelta
) -> Fault | None:
    """None for a body signed with one of `secrets` within `tolerance` of `now`; header names in any case.

    The comparison takes the same time wherever a digest differs, and the time is looked at only once it is proven.
    """
    value = next((text for name, text in headers.items() if name.lower() == HEADER.lower()), None)
    if value is None:
        return Fault.MISSING
    stamp, digests = _parts(value)
    if stamp is None or not digests:
        return Fault.MALFORMED
    # Every pair is compared, so that the time taken does not tell which secret fits.
    matches = [hmac.compare_digest(_digest(secret, stamp, body), digest) for secret in secrets for digest in digests]
    if not any(matches):
        return Fault.WRONG
    signed_at = datetime.fromtimestamp(int(stamp), UTC)
    return Fault.STALE if abs(now - signed_at) > tolerance else None


def _parts(value: str) -> tuple[str | None, list[str]]:
    """The time and the digests; no time where it is missing, given twice or beyond the calendar."""
    parts = [part.strip().partition("=") for part in value.split(",")]
    stamps = [text for key, _, text in parts if key == "t"]
    digests = [text for key, _, text in parts if key == "v1"]
    if len(stamps) != 1 or not _STAMP.fullmatch(stamps[0]) or int(stamps[0]) > _END:
        return None, []
    if len(digests) > _MOST or not all(_DIGEST.fullmatch(each) for each in digests):
        return None, []
    return stamps[0], digests


def _digest(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


#: The last second that a datetime can name.
_END: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
