"""From a role of the model and its keys to what a client brings to an association."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from attrs import frozen

from headend.dlms import connection as dlms
from headend.dlms.enumerations import Authentication
from headend.dlms.security import KeyContext
from headend.meters.inventory import Meter
from headend.meters.model import Ciphering, Role
from headend.session.errors import NotConfigured
from headend.session.ports import KeySet, RandomBytes

#: The largest APDU that the wrapper carries: fewer round trips; the meter agrees to less where it has to.
LARGEST_PDU: Final = 0xFFFF
#: Octets of our challenge: what meters of all makers take.
CHALLENGE_LENGTH: Final = 16
#: Key contexts kept: making one costs a fifth of all cryptography of a visit.
_CONTEXTS_KEPT: Final = 16_384

_CIPHERINGS: Final = {
    Ciphering.NONE: dlms.Ciphering.GLO,
    Ciphering.GLO: dlms.Ciphering.GLO,
    Ciphering.DED: dlms.Ciphering.DED,
    Ciphering.GENERAL_GLO: dlms.Ciphering.GENERAL_GLO,
    Ciphering.GENERAL_DED: dlms.Ciphering.GENERAL_DED,
}
#: Mechanisms that rest on a shared secret of their own.
_WITH_SECRET: Final = frozenset(
    {
        Authentication.LLS,
        Authentication.HLS,
        Authentication.HLS_MD5,
        Authentication.HLS_SHA1,
        Authentication.HLS_SHA256,
    }
)


@frozen(eq=False)
class RolePlan:
    """A role in the terms of the protocol, worked out once per model.

    `needs_keys`: it has any secret; `needs_counters`: something is sent under an invocation counter.
    """

    role: Role
    authentication: Authentication
    ciphering: dlms.Ciphering
    policy: int
    needs_keys: bool
    needs_counters: bool

    @classmethod
    def of(cls, role: Role) -> "RolePlan":
        """The plan of a role."""
        authentication = Authentication(role.authentication.mechanism)
        policy = role.protection.bits
        counters = bool(policy) or authentication is Authentication.HLS_GMAC
        keys = counters or authentication is not Authentication.NONE
        return cls(role, authentication, _CIPHERINGS[role.ciphering], policy, keys, counters)


def client_parameters(
    meter: Meter,
    plan: RolePlan,
    keys: KeySet | None,
    *,
    counters: Iterator[int] | None,
    last_received: int,
    random_bytes: RandomBytes,
    max_pdu_size: int = LARGEST_PDU,
) -> dlms.ClientParameters:
    """What to associate with; NotConfigured where a key is missing. `counters` as `needs_counters` says."""
    role, authentication = plan.role, plan.authentication
    security = None
    if counters is not None and keys is not None:
        security = dlms.Security(
            system_title=keys.client_title,
            keys=_key_context(meter, keys),
            counters=counters,
            suite=role.suite,
            policy=plan.policy,
            peer_system_title=meter.system_title,
            ciphering=plan.ciphering,
            last_received=last_received,
        )
    dedicated = security is not None and security.ciphering.dedicated
    return dlms.ClientParameters(
        client_sap=role.client_sap,
        server_sap=meter.server_sap,
        authentication=authentication,
        secret=_secret(meter, keys) if authentication in _WITH_SECRET else b"",
        security=security,
        challenge=random_bytes(CHALLENGE_LENGTH) if authentication >= Authentication.HLS else b"",
        max_pdu_size=max_pdu_size,
        dedicated_key=random_bytes(32 if role.suite == 2 else 16) if dedicated else None,
    )


def _key_context(meter: Meter, keys: KeySet) -> KeyContext:
    if keys.encryption is None or keys.authentication is None:
        raise NotConfigured(f"meter {meter.serial}: encryption or authentication key is missing; import its keys")
    return _context(keys.encryption, keys.authentication)


_context = lru_cache(maxsize=_CONTEXTS_KEPT)(KeyContext)


def _secret(meter: Meter, keys: KeySet | None) -> bytes:
    if keys is None or keys.secret is None:
        raise NotConfigured(f"meter {meter.serial}: the password is missing; import its keys")
    return keys.secret
