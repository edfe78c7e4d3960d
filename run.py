#!/usr/bin/env python3
"""Set up this checkout and run it. Needs Python 3.11 with pip; everything else is installed into .venv.

python3 run.py                          the demo: a simulated fleet, a cut, a recharge, supply restored
python3 run.py ARGUMENTS...             headend ARGUMENTS...      (python3 run.py --help)
python3 run.py test [--nightly] [...]   the whole test suite      (further arguments go to pytest)
python3 run.py check                    lint, format, types and import contracts
python3 run.py bench NAME [--quick] [--json]   figures            (python3 run.py bench lists the names)
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV_VERSION = "0.13.9"
#: What the tests need of Debian: a file that tells whether it is there, and the package that brings it.
SYSTEM = {
    "test": (
        (Path("/usr/bin/chromium"), "chromium"),
        (Path("/usr/lib/postgresql"), "postgresql"),
        (Path("/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf"), "fonts-noto-core"),
    )
}
GROUPS = {"test": ("test",), "bench": ("test",), "check": ("test", "check")}


def main(arguments: list[str]) -> None:
    """Install what the job needs, then become that job."""
    job = arguments[0] if arguments else ""
    install(GROUPS.get(job, ()))
    install_of_the_system(SYSTEM.get(job, ()))
    if job == "test":
        become("-m", "pytest", *parallel(arguments[1:]), *arguments[1:])
    if job == "check":
        sys.exit(check())
    if job == "bench":
        become("-m", "bench", *arguments[1:])
    if job in ("-h", "--help"):
        print(__doc__, flush=True)
    become("-m", "headend", *(arguments or ["demo"]))


def become(*command: str) -> None:
    """Replace this process, so that signals and the exit code are the job's own."""
    if command[1] != "headend":  # a user's own relative paths must stay what they are
        os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *command])


def parallel(arguments: list[str]) -> list[str]:
    """One test process per core, unless the caller says how many or asks for a debugger."""
    own = any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in arguments)
    return [] if own else ["-n", "auto", "--dist", "worksteal"]


def check() -> int:
    """Lint, format, types, import contracts; every one runs, the first failure is the answer."""
    steps = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
    )
    codes = []
    for step in steps:
        print("$", *step, flush=True)
        codes.append(subprocess.run([VENV / "bin" / step[0], *step[1:]], cwd=ROOT, check=False).returncode)
    return next((code for code in codes if code), 0)


def install(groups: tuple[str, ...]) -> None:
    """Bring .venv to what the lock file says; nothing is done when a stamp tells that it is there already."""
    if sys.version_info < (3, 11):
        sys.exit(f"headend needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable})")
    VENV.mkdir(exist_ok=True)
    with (VENV / ".run-lock").open("w") as lock:  # not .lock, which uv takes itself
        fcntl.flock(lock, fcntl.LOCK_EX)  # two starts at once must not install over each other
        if installed(groups):
            return
        print("Setting up .venv (only the first time, or after an update) ...", file=sys.stderr, flush=True)
        if not PYTHON.exists():
            run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], "could not make a virtual environment")
        uv = bootstrap_uv()
        wanted = sorted({*groups, *stamped()})
        sync = [uv, "sync", "--frozen", "--quiet", "--compile-bytecode", *(f"--group={group}" for group in wanted)]
        run(sync, "could not install the locked dependencies; is a package index reachable?")
        for group in ("", *wanted):
            stamp(group).write_text(fingerprint())


def install_of_the_system(wanted: tuple[tuple[Path, str], ...]) -> None:
    """Bring in the packages of Debian that are missing; where that can't be, say how: their tests will fail."""
    missing = [package for file, package in wanted if not file.exists()]
    if not missing:
        return
    apt = ["apt-get", "-q", "-y", "--no-install-recommends"]
    if os.geteuid():
        apt = ["sudo", "-n", *apt]
    print(f"Installing {', '.join(missing)} ...", file=sys.stderr, flush=True)
    options = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, "stdout": sys.stderr}
    for step in ([*apt, "update"], [*apt, "install", *missing]):
        if shutil.which(apt[0]) is None or subprocess.run(step, check=False, **options).returncode:
            advice = f"apt-get install {' '.join(missing)}"
            print(f"run.py: could not; tests that need them will fail. Install them with: {advice}", file=sys.stderr)
            return


def bootstrap_uv() -> str:
    """The installer named by the lock file's maker, in a folder of its own inside .venv."""
    folder = VENV / "bootstrap"
    uv = folder / "bin" / "uv"
    version = folder / f"uv-{UV_VERSION}"
    if not version.exists():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--root-user-action=ignore",
        ]
        pip += ["--upgrade", "--target", str(folder), f"uv=={UV_VERSION}"]
        run(pip, "could not install uv with pip; on Debian: apt-get install python3-pip")
        version.touch()
    return str(uv)


def run(command: list[str], otherwise: str) -> None:
    """Run one step of the set-up; a failure ends the program with what to do about it."""
    environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON": str(PYTHON)}
    environment |= {"UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    if subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode:
        sys.exit(f"run.py: {otherwise}")


def installed(groups: tuple[str, ...]) -> bool:
    """Whether the stamp of each group (and of the run-time dependencies) carries today's fingerprint."""
    now = fingerprint()
    stamps = (stamp(group) for group in ("", *groups))
    return PYTHON.exists() and all(one.exists() and one.read_text() == now for one in stamps)


def stamped() -> list[str]:
    """Groups installed before, so that a sync for one does not remove another's packages."""
    return [one.name.removeprefix(".stamp-") for one in VENV.glob(".stamp-?*")]


def stamp(group: str) -> Path:
    """The file that tells what was installed for a group."""
    return VENV / f".stamp-{group}"


def fingerprint() -> str:
    """What an installation depends on: the lock, the project file, the interpreter and where the checkout stands."""
    parts = [(ROOT / name).read_bytes() for name in ("uv.lock", "pyproject.toml")]
    parts += [sys.version.encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
