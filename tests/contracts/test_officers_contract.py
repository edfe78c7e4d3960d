"""Who may be shut out, on both databases."""

import pytest

from headend.commands.journal import RefusedByRule
from headend.commands.officers import Role


async def test_the_last_administrator_of_the_house_stays_and_everybody_else_may_go(store):
    officers = store.officers
    await officers.add("operator-1", "", Role.OPERATOR, "", "test")
    # Nobody is an administrator yet: that is no reason to keep somebody in.
    assert (await officers.disable("operator-1")).disabled
    await officers.add("chief-1", "", Role.ADMINISTRATOR, "", "test")
    await officers.add("chief-2", "", Role.ADMINISTRATOR, "", "test")
    assert (await officers.disable("chief-1")).disabled
    with pytest.raises(RefusedByRule, match="no administrator"):
        await officers.disable("chief-2")
    with pytest.raises(RefusedByRule, match="no administrator"):
        await officers.change("chief-2", Role.VIEWER, "")
    kept = await officers.officer("chief-2")
    assert (kept.role, kept.disabled) == (Role.ADMINISTRATOR, False)
