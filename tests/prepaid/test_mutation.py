"""Every small wrong change of the prepaid rules is noticed by a unit test, but for a reviewed list of those that change
nothing."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.mutation
FOLDER = Path(__file__).parent
#: The cut itself and what makes a register value doubtful: in every run.
ALWAYS = ("policy:decide", "ledger:doubt")
ARITHMETIC = ("ledger:charge", "ledger:doubt", "ledger:_", "ledger:balance", "ledger:running")


def survivors(*what):
    command = [sys.executable, str(FOLDER / "mutation_run.py"), *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout)
    assert result["mutants"], "nothing was changed"
    return result


def reviewed():
    listed = tomllib.loads((FOLDER / "mutation_equivalents.toml").read_text(encoding="utf-8"))["equivalents"]
    assert all(entry["reason"] for entry in listed)
    return {entry["mutant"] for entry in listed}


@pytest.mark.timeout(1800)
def test_every_branch_of_decide_and_of_the_ledger_is_taken_both_ways():
    command = [sys.executable, str(FOLDER / "mutation_branches.py"), "policy", "ledger"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout)
    assert result["branches"] > 50
    assert result["missing"] == []


@pytest.mark.timeout(1800)
def test_no_wrong_change_of_the_cut_goes_unnoticed(record_property):
    result = survivors(*ALWAYS)
    record_property("mutants", result["mutants"])
    assert set(result["survivors"]) - reviewed() == set()


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_no_wrong_change_of_the_ledgers_arithmetic_goes_unnoticed(record_property):
    result = survivors(*ARITHMETIC)
    record_property("mutants", result["mutants"])
    assert set(result["survivors"]) - reviewed() == set()


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
def test_no_wrong_change_of_any_rule_goes_unnoticed(record_property):
    result = survivors()
    record_property("mutants", result["mutants"])
    assert set(result["survivors"]) == reviewed()
