from pathlib import Path

import pytest

from headend.storage.disk import Disk, Shedding, disk_of


def test_the_share_is_the_one_that_df_shows():
    assert Disk(used=75, free=25).share == 0.75


def test_what_is_kept_for_root_counts_as_neither_used_nor_free():
    disk = disk_of(Path("/data/headend.db"), lambda _: (100, 90, 5))
    assert disk.share == pytest.approx(90 / 95)


def test_a_file_system_without_any_octet_is_full():
    assert Disk(0, 0).share == 1.0


def test_shedding_begins_at_its_share_and_ends_below_it():
    shedding = Shedding(0.9)
    steps = [(0.89, False), (0.9, True), (0.885, False), (0.879, True), (0.895, False)]
    assert [shedding.look(share) for share, _ in steps] == [changed for _, changed in steps]
    assert not shedding.on
