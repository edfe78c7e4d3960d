"""Any octets, to any decoder: a value or a RemoteError, within 50 ms of CPU. See README.md for adding a target."""

import importlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import process_time

from attrs import frozen

from headend.dlms.errors import RemoteError

FOLDER = Path(__file__).parent
#: Safety rule 12. A machine that is busy elsewhere may miss it once, not three times over.
CPU_SECONDS = 0.050
_TRIES = 3


class SlowError(AssertionError):
    """Some octets took a decoder longer than they may."""


@frozen
class Target:
    """One decoder under test: `run` takes octets and returns, or raises RemoteError; anything else is a finding."""

    name: str
    run: Callable[[bytes], object]
    #: Longer inputs slow the search down and find nothing that these do not.
    longest: int = 512
    #: Its part of all executions, beside those of the others: a fast target gets more of them.
    share: int = 4

    @property
    def corpus(self) -> list[bytes]:
        """The committed inputs, one in hex a line of corpus/NAME.txt."""
        path = FOLDER / "corpus" / f"{self.name}.txt"
        lines = path.read_text("ascii").splitlines() if path.exists() else []
        return [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]

    def check(self, octets: bytes) -> None:
        """Run it once; raises what a decoder must not raise, or SlowError."""
        if self.spent(octets) > CPU_SECONDS:
            best = min(self.spent(octets) for _ in range(_TRIES))
            if best > CPU_SECONDS:
                raise SlowError(
                    f"{self.name}: {best * 1000:.0f} ms of CPU for {octets[:64].hex()} ({len(octets)} octets)"
                )

    def spent(self, octets: bytes) -> float:
        """Seconds of CPU for these octets; raises what is neither a value nor a RemoteError."""
        start = process_time()
        with suppress(RemoteError):
            self.run(octets)
        return process_time() - start


def names() -> list[str]:
    """Every file in targets/ is one."""
    return sorted(path.stem for path in (FOLDER / "targets").glob("*.py") if not path.stem.startswith("_"))


def target(name: str) -> Target:
    """The target in targets/NAME.py; LONGEST and SHARE there are its own."""
    module = importlib.import_module(f"tests.fuzz.targets.{name}")
    own = {key.lower(): getattr(module, key) for key in ("LONGEST", "SHARE") if hasattr(module, key)}
    return Target(name, module.run, **own)


def divided(total: int) -> dict[str, int]:
    """How many of `total` executions each target does: together not one less."""
    shares = {name: target(name).share for name in names()}
    return {name: -(-total * share // sum(shares.values())) for name, share in shares.items()}
