"""What a meter brings to an association with each client: keys, counters, challenges; made when a client knocks."""

from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from itertools import count

from attrs import define, field

from headend.dlms.connection import FULL_CONFORMANCE, Security, ServerParameters
from headend.dlms.enumerations import Authentication, Conformance
from headend.dlms.security import KeyContext
from simulator.associations import Role
from simulator.meter import Meter

#: All of them but reading or writing all attributes at once, which meters of this kind don't know.
CONFORMANCE = FULL_CONFORMANCE & ~(
    Conformance.ATTRIBUTE0_SUPPORTED_WITH_GET
    | Conformance.ATTRIBUTE0_SUPPORTED_WITH_SET
    | Conformance.DELTA_VALUE_ENCODING
)

#: The push association is one that the meter itself talks on.
SERVED = frozenset(role.value for role in Role if role is not Role.PUSH)


@define(eq=False)
class Nonces:
    """What must never repeat while keys live, over restarts too: the meters' own counters, and challenges.

    `start` is the first counter of every key; whoever starts the simulator hands in one that is larger each time.
    """

    start: int
    _counters: dict[tuple[int, Role], Iterator[int]] = field(factory=dict)
    _challenges: Iterator[bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._challenges = (blake2b(f"{self.start}:{number}".encode(), digest_size=16).digest() for number in count())

    def counters(self, meter: Meter, role: Role) -> Iterator[int]:
        """The meter's own invocation counters under that role's key."""
        return self._counters.setdefault((meter.identity.number, role), count(self.start))

    @property
    def challenges(self) -> Iterator[bytes]:
        """Challenges of 16 octets."""
        return self._challenges


class MeterAssociations(Mapping[int, ServerParameters]):
    """The associations of one meter by client SAP, those of `saps` only, each made when it is first asked for."""

    __slots__ = ("_made", "_max_pdu_size", "_meter", "_nonces", "_saps")

    def __init__(self, meter: Meter, nonces: Nonces, max_pdu_size: int, saps: Collection[int] = SERVED) -> None:
        self._meter = meter
        self._nonces = nonces
        self._max_pdu_size = max_pdu_size
        self._saps = saps
        self._made: dict[int, ServerParameters] = {}

    def __getitem__(self, sap: int) -> ServerParameters:
        made = self._made.get(sap)
        if made is None:
            if sap not in self._saps:
                raise KeyError(sap)
            made = self._made[sap] = self._parameters(Role(sap))
        return made

    def __iter__(self) -> Iterator[int]:
        return iter(self._saps)

    def __len__(self) -> int:
        return len(self._saps)

    def _parameters(self, role: Role) -> ServerParameters:
        keys = self._meter.keys(role)
        return ServerParameters(
            authentication=role.authentication,
            secret=keys.secret if role.authentication is Authentication.LLS else b"",
            security=self._security(role) if role.ciphered else None,
            challenges=self._nonces.challenges,
            conformance=CONFORMANCE,
            max_pdu_size=self._max_pdu_size,
        )

    def _security(self, role: Role) -> Security:
        keys = self._meter.keys(role)
        return Security(
            system_title=self._meter.identity.system_title,
            keys=KeyContext(keys.encryption, keys.authentication),
            counters=self._nonces.counters(self._meter, role),
            last_received=self._meter.ledger(role).last,
        )
