"""`run.py` before anything is installed: what it locks, and what it remembers."""

import fcntl
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """run.py as a module, on an empty folder; its steps are kept instead of run."""
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    venv = tmp_path / ".venv"
    monkeypatch.setattr(module, "VENV", venv)
    monkeypatch.setattr(module, "PYTHON", venv / "bin" / "python")
    module.steps = []

    def step(command, _otherwise):
        # The installer takes this lock itself while it works: held by us, it would wait for ever.
        with (venv / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        module.steps.append(command)
        (venv / "bootstrap").mkdir(exist_ok=True)
        module.PYTHON.parent.mkdir(exist_ok=True)
        module.PYTHON.touch()

    monkeypatch.setattr(module, "run", step)
    return module


def test_the_installer_finds_its_own_lock_free(bootstrap):
    bootstrap.install(())
    assert [step for step in bootstrap.steps if "sync" in step]


def test_a_second_start_installs_nothing(bootstrap):
    bootstrap.install(())
    done = len(bootstrap.steps)
    bootstrap.install(())
    assert len(bootstrap.steps) == done


def test_what_the_tests_need_stays_when_the_program_is_set_up_again(bootstrap, monkeypatch):
    bootstrap.install(("test",))
    monkeypatch.setattr(bootstrap, "fingerprint", lambda: "another lock file")
    bootstrap.install(())
    assert "--group=test" in bootstrap.steps[-1]


@pytest.fixture
def system(bootstrap, monkeypatch):
    """A machine whose package manager notes what it was asked for, and answers with `code`."""
    asked = SimpleNamespace(steps=[], code=0)

    def answer(command, **_options):
        asked.steps.append(command)
        return SimpleNamespace(returncode=asked.code)

    monkeypatch.setattr(bootstrap.subprocess, "run", answer)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    return asked


def test_only_missing_packages_of_the_system_are_installed(bootstrap, system, tmp_path):
    bootstrap.install_of_the_system(((tmp_path, "there"), (tmp_path / "nowhere", "chromium")))
    assert [step[-2:] for step in system.steps] == [["--no-install-recommends", "update"], ["install", "chromium"]]
    system.steps.clear()
    bootstrap.install_of_the_system(((tmp_path, "there"),))
    assert not system.steps


def test_without_the_right_to_install_the_command_is_told(bootstrap, system, tmp_path, capsys):
    system.code = 100
    bootstrap.install_of_the_system(((tmp_path / "nowhere", "chromium"),))
    assert "apt-get install chromium" in capsys.readouterr().err
    assert len(system.steps) == 1
