import pytest

from headend.meters.events import CATALOGUE, STATUS_BITS, EventKind, Severity, event_type, logs_of, severity_of


def test_an_end_names_the_occurrence_that_it_ends_and_is_itself_no_matter():
    for code, kind in CATALOGUE.items():
        if kind.ends is not None:
            assert code == kind.ends + 1
            assert kind.severity is Severity.INFO
            assert CATALOGUE[kind.ends].ends is None


def test_what_is_stolen_with_is_the_most_severe():
    for code in (65, 201, 203, 251):
        assert (event_type(code).kind, event_type(code).severity) == (EventKind.TAMPER, Severity.CRITICAL)
    assert event_type(102).ends == 101
    assert event_type(302).ends == 301
    assert [event_type(code).ends for code in (151, 152, 162, 211, 212, 252, 253)] == [None] * 7


def test_each_alert_with_a_log_names_a_log_that_the_model_has():
    logs = set(logs_of(tuple(STATUS_BITS.values())))
    assert logs == {
        "events_voltage",
        "events_current",
        "events_other",
        "events_non_rollover",
        "events_control",
        "events_power",
    }
    assert logs_of(("cover opened", "billing counter moved", "bit 120")) == ("events_non_rollover",)


def test_the_worst_alert_counts():
    assert severity_of(("low voltage", "magnet")) is Severity.CRITICAL
    assert severity_of(("bit 120",)) is Severity.WARNING
    assert severity_of(()) is Severity.INFO


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (3, "phase 2 missing"),
        (5, "phase 3 missing"),
        (21, "phase sequence reversed"),
        (53, "phase 2 current reversed"),
        (55, "phase 3 current reversed"),
        (57, "phase 1 current open"),
        (59, "phase 2 current open"),
        (61, "phase 3 current open"),
        (63, "current unbalance"),
        (83, "high neutral current"),
    ],
)
def test_events_of_three_phases_are_those_of_the_indian_tables(code, name):
    assert (event_type(code).name, event_type(code).ends) == (name, None)
    assert event_type(code + 1).ends == code
