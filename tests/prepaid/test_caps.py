import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.prepaid.caps import CapHit, Caps, CutCounts, over_cap

CAPS = Caps(per_hour=3, per_day=5, per_segment_hour=2)


@pytest.mark.parametrize(
    ("counts", "hit"),
    [
        (CutCounts(0, 0, 0), None),
        (CutCounts(2, 4, 1), None),
        (CutCounts(3, 4, 1), CapHit.HOUR),
        (CutCounts(2, 5, 1), CapHit.DAY),
        (CutCounts(2, 4, 2), CapHit.SEGMENT),
        (CutCounts(9, 9, 9), CapHit.DAY),
    ],
)
def test_a_cap_is_hit_by_the_one_that_would_exceed_it(counts, hit):
    assert over_cap(CAPS, counts) is hit


@pytest.mark.parametrize("which", ["per_hour", "per_day", "per_segment_hour"])
def test_a_cap_below_zero_is_refused(which):
    with pytest.raises(ValueError):
        Caps(**{which: -1})


def test_a_cap_of_nothing_lets_nothing_through():
    assert over_cap(Caps(per_hour=0), CutCounts(0, 0, 0)) is CapHit.HOUR


@given(st.lists(st.integers(0, 7200), max_size=60).map(sorted))
def test_no_hour_ever_holds_more_cuts_than_its_cap(times):
    sent = []
    for now in times:
        counts = CutCounts(sum(now - at < 3600 for at in sent), len(sent), 0)
        if over_cap(Caps(per_hour=3, per_day=100), counts) is None:
            sent.append(now)
    assert all(sum(start <= at < start + 3600 for at in sent) <= 3 for start in sent)
