from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from headend.commands.latency import latency


def seconds(*spans):
    return [timedelta(seconds=each) for each in spans]


def test_without_a_reconnect_there_is_no_figure():
    found = latency([])
    assert (found.count, found.p50, found.p99, found.within_minute, found.missed) == (0, None, None, None, 0)


def test_percentiles_are_spans_that_happened():
    found = latency(seconds(*range(1, 101)))
    assert [found.p50, found.p95, found.p99, found.longest] == seconds(50, 95, 99, 100)
    assert (found.within_minute, found.within_five_minutes, found.missed) == (0.6, 1.0, 0)


def test_the_objectives_are_counted_on_their_side():
    found = latency(seconds(60, 61, 300, 301, 899, 900))
    assert (found.within_minute, found.within_five_minutes, found.missed) == (1 / 6, 3 / 6, 1)


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_so_many_per_cent_do_not_exceed_a_percentile_and_no_smaller_span_would_do(values):
    found, spans = latency(seconds(*values)), seconds(*values)
    for per_cent, span in ((50, found.p50), (95, found.p95), (99, found.p99)):
        assert span in spans
        assert sum(each <= span for each in spans) * 100 >= per_cent * len(spans)
        assert sum(each < span for each in spans) * 100 < per_cent * len(spans)
