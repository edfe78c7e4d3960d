"""Each target on its corpus and what is near to it, and a bounded search under coverage guidance.

On merge (CI set) 3 million executions are shared by all targets, at night ten times as many, at a desk 1 in 100.
"""

import os
import subprocess
import sys
import tracemalloc
from random import Random

import pytest

from headend.dlms.errors import RemoteError
from tests.fuzz import FOLDER, divided, names, target

ON_MERGE = 3_000_000
#: Safety rule 12: what a decoder may hold beside a short input, whatever that claims.
MEMORY = 1_048_576


def mutations(octets: bytes, random: Random):
    """Cuts, flips, swaps and insertions of one input."""
    for end in range(len(octets)):
        yield octets[:end]
    for _ in range(40):
        changed = bytearray(octets)
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(changed) + 1)
            match random.randrange(3):
                case 0 if changed and at < len(changed):
                    changed[at] = random.choice((0, 1, 0x7F, 0x80, 0x82, 0x84, 0xFF, random.randrange(256)))
                case 1:
                    changed[at:at] = random.randbytes(random.randrange(1, 5))
                case _:
                    del changed[at : at + random.randrange(1, 5)]
        yield bytes(changed)


@pytest.mark.parametrize("name", names())
def test_the_corpus_is_committed_and_small(name):
    corpus = target(name).corpus
    assert 0 < len(corpus) <= 100
    assert max(map(len, corpus)) <= 1024


@pytest.mark.parametrize("name", names())
def test_what_is_near_the_corpus_gives_a_value_or_a_remote_error(name):
    tested = target(name)
    random = Random(name)
    for octets in tested.corpus:
        tested.check(octets)
        for near in mutations(octets, random):
            tested.check(near)


@pytest.mark.parametrize("name", names())
def test_no_input_of_the_corpus_takes_a_mebibyte(name):
    tested = target(name)
    for octets in tested.corpus:
        tested.check(octets)  # fills caches first
        tracemalloc.start()
        try:
            tested.run(octets)
        except RemoteError:
            pass
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < MEMORY, octets.hex()


def executions(*, nightly: bool) -> dict[str, int]:
    total = ON_MERGE * 10 if nightly else ON_MERGE
    return divided(total if "CI" in os.environ or nightly else total // 100)


def test_all_targets_together_do_no_fewer_than_promised():
    assert sum(divided(ON_MERGE).values()) >= ON_MERGE
    assert min(divided(ON_MERGE).values()) >= 40_000


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the locked atheris has no wheel for this Python")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(names(), key=lambda name: target(name).share))  # the slow ones first
def test_a_bounded_search_finds_nothing(name, request, record_property):
    asked = executions(nightly=request.config.getoption("--nightly"))[name]
    command = [sys.executable, "-m", "tests.fuzz", name, "--executions", str(asked)]
    done = subprocess.run(command, cwd=FOLDER.parent.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    counted = int(done.stdout.split()[1])
    assert counted >= asked
    record_property("fuzz executions", counted)
