"""python -m tests.fuzz TARGET [--executions N] [--seed N] [--keep]: one target under coverage guidance.

Exit code 0: nothing found. Otherwise the finding's octets are printed in hex, to become a test and a fix. `--keep`
adds inputs that reach new code to the committed corpus, as few and as short as will do.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import CPU_SECONDS, FOLDER, SlowError, names, target

#: What the search itself counted, when it is done.
EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")
#: A corpus beyond this is no longer small.
MOST_KEPT = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=names())
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return search(given.target, given.executions, given.seed, Path(given.inside))
    with tempfile.TemporaryDirectory() as folder:
        for index, octets in enumerate(target(given.target).corpus):
            Path(folder, f"{index:04}").write_bytes(octets)
        command = [sys.executable, "-m", "tests.fuzz", given.target, "--inside", folder]
        command += ["--executions", str(given.executions), "--seed", str(given.seed)]
        done = subprocess.run(command, cwd=FOLDER.parent.parent, capture_output=True, text=True, check=False)
        if (slow := too_slow(given.target, Path(folder))) is not None:
            say(slow)
            return 1
        if done.returncode:
            say(done.stdout[-4000:])
            say(done.stderr[-1000:])
            for path in sorted(Path(folder).glob("crash-*")) + sorted(Path(folder).glob("timeout-*")):
                say(f"finding: {path.read_bytes().hex()}")
        elif given.keep:
            keep(given.target, [path.read_bytes() for path in Path(folder).iterdir()])
        else:
            executed = int(EXECUTED.findall(done.stdout + done.stderr)[-1])
            say(f"{given.target}: {executed} executions, nothing found")
    return done.returncode


def too_slow(name: str, folder: Path) -> str | None:
    """What the search found slow, measured again where nothing counts branches: only that is the decoder's own."""
    for path in sorted(folder.glob("slow-*")):
        try:
            target(name).check(path.read_bytes())
        except SlowError as error:
            return f"{error}\nfinding: {path.read_bytes().hex()}"
    return None


def search(name: str, executions: int, seed: int, folder: Path) -> int:
    """In a process of its own: libFuzzer ends it when it is done."""
    import atheris

    with atheris.instrument_imports(include=["headend.dlms", "headend.meters"]):
        tested = target(name)

    def check(octets: bytes) -> None:
        if tested.spent(octets) > CPU_SECONDS:
            # Counting branches makes code slow: the input is kept, and measured again without that.
            Path(folder, f"slow-{hashlib.sha256(octets).hexdigest()[:16]}").write_bytes(octets)

    options = [f"-runs={executions}", f"-seed={seed}", f"-max_len={tested.longest}", f"-artifact_prefix={folder}/"]
    options += ["-timeout=5", "-rss_limit_mb=1024", "-verbosity=1", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(folder)], check)
    atheris.Fuzz()
    return 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def keep(name: str, found: list[bytes]) -> None:
    """Write the shortest inputs, the committed ones first."""
    chosen = list(dict.fromkeys([*target(name).corpus, *sorted(found, key=len)]))[:MOST_KEPT]
    path = FOLDER / "corpus" / f"{name}.txt"
    path.write_text("".join(f"{octets.hex()}\n" for octets in chosen if octets), "ascii")
    say(f"{path.name}: {len(chosen)} inputs")


if __name__ == "__main__":
    sys.exit(main())
