from datetime import date, timedelta

from attrs import evolve

from headend.prepaid.calendar import Calendar
from headend.prepaid.caps import Caps
from headend.prepaid.digest import changed_rules, policy_digest, policy_text
from headend.prepaid.policy import Policy


def test_equal_rules_have_one_digest_whatever_order_their_sets_have():
    days = [date(2026, 1, 26), date(2026, 8, 15), date(2026, 10, 2)]
    some = Policy(calendar=Calendar(holidays=frozenset(days)), protected_classes=frozenset({"a", "b", "c"}))
    same = Policy(calendar=Calendar(holidays=frozenset(days[::-1])), protected_classes=frozenset({"c", "b", "a"}))
    assert policy_digest(some) == policy_digest(same)
    assert policy_digest(some) != policy_digest(Policy())


def test_a_change_is_named_rule_by_rule():
    before = Policy()
    after = evolve(before, caps=Caps(per_hour=60), grace=timedelta(days=1), protected_classes=frozenset({"hospital"}))
    assert changed_rules(policy_text(before), policy_text(after)) == {
        "caps.per_hour": (50, 60),
        "grace": ("259200s", "86400s"),
        "protected_classes": ([], ["hospital"]),
    }
    assert changed_rules(policy_text(before), policy_text(before)) == {}
