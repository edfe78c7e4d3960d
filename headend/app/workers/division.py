"""How the fleet is divided among the processes of a daemon: whole lanes, the same ones whoever computes it.

Meters that call us are visited by the parent, which holds their connections; all others by the worker that the name of
their lane leads to. So a gateway's permits are counted in one process, and nothing has to be agreed on.
"""

from hashlib import blake2b

from headend.app.wiring import dials_in
from headend.meters.inventory import Meter
from headend.scheduler.inventory import Shard

#: The number of the parent, and of the only process where there is one.
PARENT = 0


def home_of(meter: Meter, workers: int) -> int:
    """The number of the worker that visits a meter, of `workers`; PARENT for a meter that calls us."""
    if dials_in(meter):
        return PARENT
    digest = blake2b(meter.lane_name.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % workers


def shard(number: int, workers: int) -> Shard:
    """What a worker visits; the parent alone (`workers` below 2) visits the whole fleet."""
    if workers < 2:
        return Shard()
    return Shard(shard_name(number, workers), lambda meter: home_of(meter, workers) == number)


def shard_name(number: int, workers: int) -> str:
    """The name of a shard: empty for the whole fleet."""
    return "" if workers < 2 else f"{number}/{workers}"


def shard_names(workers: int) -> tuple[str, ...]:
    """The shards of a daemon with so many workers, the parent's first."""
    return ("",) if workers < 2 else tuple(shard_name(number, workers) for number in range(workers + 1))
