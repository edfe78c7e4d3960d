import pytest

from headend.scheduler.spans import SpanCounter, Spans, added


def counted(*seconds, bounds=(1.0, 10.0)):
    counter = SpanCounter(bounds)
    for each in seconds:
        counter.add(each)
    return counter.spans()


def test_a_span_falls_into_the_class_whose_bound_it_does_not_exceed():
    assert counted(0.5, 1.0, 1.25, 10.0, 11.0) == Spans((1.0, 10.0), (2, 2, 1), 23.75)


def test_a_clock_that_was_set_back_takes_nothing_away():
    assert counted(-5.0) == Spans((1.0, 10.0), (1, 0, 0), 0.0)


def test_what_several_processes_counted_is_added_class_by_class():
    assert added([counted(0.5), counted(0.25, 11.0)]) == Spans((1.0, 10.0), (2, 0, 1), 11.75)
    assert added([]) is None


def test_different_classes_are_never_added():
    with pytest.raises(ValueError, match="different"):
        added([counted(0.5), counted(0.5, bounds=(2.0,))])
