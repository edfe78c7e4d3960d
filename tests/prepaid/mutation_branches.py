"""Which way out of which branch no unit test takes: each conditional jump of the byte code, with both of its outcomes.

python tests/prepaid/mutation_branches.py policy ledger
"""

import dis
import json
import sys
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parents[1]), str(FOLDER)]

import pytest  # noqa: E402  the path comes first

#: What a jump of an assertion or of an error that is passed on looks like is left out: it ends the program.
_CONDITIONAL = ("POP_JUMP_", "JUMP_IF_")


class Watch:
    """Notes every step from one instruction to the next in the code of some files."""

    def __init__(self, files):
        self.files = files
        self.steps = set()
        self.codes = set()

    def call(self, frame, event, _):
        code = frame.f_code
        if code.co_filename not in self.files:
            return None
        self.codes.add(code)
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        last = [None]

        def step(inner, what, _):
            if what == "opcode":
                self.steps.add((code, last[0], inner.f_lasti))
                last[0] = inner.f_lasti
            return step

        return step

    def pytest_runtest_call(self, item):
        sys.settrace(self.call)

    def pytest_runtest_teardown(self, item):
        sys.settrace(None)

    def missing(self):
        found, seen = [], set()
        for code in sorted(self.codes, key=lambda each: (each.co_filename, each.co_firstlineno)):
            instructions = list(dis.get_instructions(code))
            line = code.co_firstlineno
            for this, following in pairwise(instructions):
                line = this.starts_line or line
                if this.opname.startswith(_CONDITIONAL):
                    seen.add((code, this.offset))
                    untaken = [
                        way for way in (following.offset, this.argval) if (code, this.offset, way) not in self.steps
                    ]
                    found += [f"{Path(code.co_filename).name}:{line} {code.co_qualname}: {this.opname}"] * len(untaken)
        return len(seen), found


def main(modules):
    files = {str(FOLDER.parents[1] / "headend" / "prepaid" / f"{module}.py") for module in modules}
    watch = Watch(files)
    tests = [str(FOLDER / f"test_{name}.py") for name in ("decide", "partial_payment", "money", "ledger", "incidents")]
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "--timeout=0", "-W", "default"]
    left_out = "not batch and not property and not order_of and not however_often"
    real, sys.stdout = sys.stdout, sys.stderr
    try:
        code = pytest.main([*options, "-k", left_out, *tests], plugins=[watch])
    finally:
        sys.stdout = real
    assert code == pytest.ExitCode.OK, f"the tests must pass: exit {code}"
    branches, missing = watch.missing()
    sys.stdout.write(json.dumps({"branches": branches, "missing": missing}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
