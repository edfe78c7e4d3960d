"""Runs the unit tests of this folder against every mutant of the prepaid rules, and tells which ones no test noticed.

    python tests/prepaid/mutation_run.py policy ledger          # these modules
    python tests/prepaid/mutation_run.py policy:decide          # one function and what its name begins
    python tests/prepaid/mutation_run.py                        # all of them

The tests are collected once. A mutant inside a function lives in a child process that has the function's code
replaced, and meets the tests that run this function, the quickest first. A mutant outside of functions (a default, a
constant, a table) is imported instead of the module by a child that collects the tests anew.
"""

import argparse
import json
import os
import signal
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCES = FOLDER.parents[1] / "headend" / "prepaid"
sys.path[:0] = [str(FOLDER.parents[1]), str(FOLDER)]

import hypothesis  # noqa: E402  the path comes first
import msgspec  # noqa: E402, F401  imported before the forks, so that no child has to
import pytest  # noqa: E402
from mutation_operators import mutants  # noqa: E402

MODULES = ("calendar", "caps", "decision", "ledger", "notices", "policy", "rules", "tariff")
#: A mutant that runs for ever is noticed too.
LONGEST_CPU_S = 30.0
#: What is about mutation itself, or asks a person to wait.
LEFT_OUT = ("test_mutation.py",)
_OPTIONS = ("-q", "-x", "--no-header", "-p", "no:cacheprovider", "--timeout=0", "-p", "no:xdist", "-W", "default")


def main(arguments):
    wanted = arguments.what or list(MODULES)
    chosen = [mutant for what in wanted for mutant in _chosen(what)]
    started = time.monotonic()
    inside = [mutant for mutant in chosen if mutant.function is not None and not mutant.function.endswith(".")]
    outside = [mutant for mutant in chosen if mutant not in inside]
    assert not outside or not _noticed_when_imported(None), "the tests must pass before anything is changed"
    survivors = [mutant.name for mutant in outside if not _noticed_when_imported(mutant)]
    survivors += _survivors_inside(inside)
    result = {"mutants": len(chosen), "survivors": sorted(survivors), "seconds": round(time.monotonic() - started)}
    sys.stdout.write(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def _chosen(what):
    module, _, function = what.partition(":")
    file = SOURCES / f"{module}.py"
    found = mutants(file.name, file.read_text(encoding="utf-8"))
    return [mutant for mutant in found if not function or (mutant.function or "").startswith(function)]


def _quick_hypothesis():
    # No shrinking: whether a mutant is noticed is all that counts, and it must be the same each time.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutation")


def _in_child(work):
    """Whether `work` returned True in a process of its own; a signal or an error is a no."""
    child = os.fork()
    if child == 0:
        answer = 1
        try:
            signal.setitimer(signal.ITIMER_PROF, LONGEST_CPU_S)  # ends the process
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            answer = 0 if work() else 1
        finally:
            os._exit(answer)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _files():
    return [str(file) for file in sorted(FOLDER.glob("test_*.py")) if file.name not in LEFT_OUT]


# Outside of functions


class _Instead(MetaPathFinder, Loader):
    def __init__(self, mutant):
        self.mutant = mutant

    def find_spec(self, fullname, path, target=None):
        ours = fullname == f"headend.prepaid.{self.mutant.file.removesuffix('.py')}"
        return ModuleSpec(fullname, self, origin=str(SOURCES / self.mutant.file)) if ours else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.mutant.tree, self.mutant.file, "exec"), module.__dict__)


def _noticed_when_imported(mutant):
    def work():
        if mutant is not None:
            sys.meta_path.insert(0, _Instead(mutant))
        _quick_hypothesis()
        return pytest.main([*_OPTIONS, *_files()]) == pytest.ExitCode.OK

    return not _in_child(work)


# Inside of functions


class _Loop:
    """In place of pytest's loop over the tests: learn which functions each test runs, then meet every mutant."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.survivors = []

    def pytest_runtestloop(self, session):
        runs = {}
        for item in session.items:
            spent, functions = _functions_run(lambda item=item: _passes(item))
            for function in functions:
                runs.setdefault(function, []).append((spent, item))
        for mutant in self.chosen:
            tests = [item for _, item in sorted(runs.get((mutant.file, mutant.function), ()), key=lambda run: run[0])]
            if _in_child(lambda mutant=mutant, tests=tests: _replace(mutant) and all(map(_passes, tests))):
                self.survivors.append(mutant.name)
        return True


def _passes(item):
    """Whether a test passes; without a report, which takes most of the time of a test that fails."""
    state = item.session._setupstate
    try:
        state.setup(item)
        item.runtest()
    except Exception:  # noqa: BLE001  whatever it is, the test noticed something
        return False
    finally:
        state.teardown_exact(None)
    return True


def _functions_run(work):
    """Seconds that `work` takes, and (file, qualified name) of each function of the rules that it runs."""
    functions, folder = set(), f"{SOURCES}{os.sep}"

    def watch(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(folder):
            functions.add((Path(code.co_filename).name, code.co_qualname.partition(".<locals>")[0]))

    started = time.monotonic()
    sys.setprofile(watch)
    try:
        assert work(), "the tests must pass before anything is changed"
    finally:
        sys.setprofile(None)
    return time.monotonic() - started, functions


def _replace(mutant):
    module = sys.modules[f"headend.prepaid.{mutant.file.removesuffix('.py')}"]
    changed = compile(mutant.tree, str(SOURCES / mutant.file), "exec")
    owner, *rest = mutant.function.split(".")
    target = vars(module)[owner]
    for name in rest:
        target = vars(target)[name]
    target = getattr(target, "fget", None) or getattr(target, "__func__", target)
    target.__code__ = _code_of(changed, mutant.function)
    return True


def _code_of(code, qualified):
    for inner in code.co_consts:
        if hasattr(inner, "co_qualname"):
            if inner.co_qualname == qualified:
                return inner
            if qualified.startswith(f"{inner.co_qualname}."):
                return _code_of(inner, qualified)
    raise LookupError(qualified)


def _survivors_inside(chosen):
    if not chosen:
        return []
    _quick_hypothesis()
    loop = _Loop(chosen)
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        code = pytest.main([*_OPTIONS, *_files()], plugins=[loop])
    finally:
        sys.stdout.flush()
        os.dup2(out, 1)
    assert code == pytest.ExitCode.OK, f"the tests must pass before anything is changed: exit {code}"
    return loop.survivors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help="a module, or module:function")
    main(parser.parse_args())
