import asyncio
from contextlib import asynccontextmanager

from headend.transport.memory import memory_pair
from headend.transport.recording import Recording, recorded, recording


@asynccontextmanager
async def lend(_address, _deadline):
    """A line whose other end answers in capitals."""
    ours, theirs = memory_pair()
    theirs.attach(lambda octets: theirs.write(octets.upper()), lambda _: None)
    yield ours
    ours.close()


async def talk(deadline):
    async with recorded(lend)(None, deadline) as stream:
        stream.write(b"abc")
        assert await stream.read(deadline) == b"ABC"
        heard = asyncio.get_running_loop().create_future()
        stream.attach(heard.set_result, lambda _: None)
        stream.write(b"def")
        assert await heard == b"DEF"
        stream.detach()
        return type(stream).__name__


async def test_what_goes_both_ways_is_kept_for_who_asked_and_nothing_else_is(soon):
    kept = Recording()
    with recording(kept):
        assert await talk(soon()) == "RecordedStream"
    assert await talk(soon()) == "MemoryStream"
    assert [(each.sent, each.octets) for each in kept.pieces] == [
        (True, b"abc"),
        (False, b"ABC"),
        (True, b"def"),
        (False, b"DEF"),
    ]
    assert b"abc" not in repr(kept).encode()


def test_a_recording_ends_at_its_bound():
    kept = Recording(most=5)
    for octets in (b"abc", b"def", b"g"):
        kept.add(1, octets, sent=True)
    assert (b"".join(each.octets for each in kept.pieces), kept.cut) == (b"abc", True)
