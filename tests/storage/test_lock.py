import os
import subprocess

import pytest

from headend.storage import AlreadyRunning, DaemonLock, StorageError, holder


def test_the_lock_is_held_by_one_and_names_its_holder(tmp_path):
    database = tmp_path / "headend.db"
    assert holder(database) is None
    with DaemonLock.acquire(database):
        assert holder(database) == os.getpid()
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}") as refused:
            DaemonLock.acquire(database)
        assert refused.value.pid == os.getpid()
    assert holder(database) is None
    lock = DaemonLock.acquire(database)
    lock.release()
    lock.release()


def test_the_lock_ends_with_its_process(tmp_path, program):
    database = tmp_path / "headend.db"
    with subprocess.Popen(program("holding", database), stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert holder(database) == other.pid
        with pytest.raises(AlreadyRunning, match=f"process {other.pid}"):
            DaemonLock.acquire(database)
        other.kill()
    assert holder(database) is None
    DaemonLock.acquire(database).release()


def test_a_lock_that_can_not_be_made_is_named(tmp_path):
    with pytest.raises(StorageError, match="nowhere"):
        DaemonLock.acquire(tmp_path / "nowhere" / "headend.db")
