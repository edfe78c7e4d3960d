import asyncio
import json
from datetime import date

from click.testing import CliRunner
from office_house import CONSUMERS, open_house

from headend.app.serving import serving
from headend.cli.policy import policy
from headend.cli.users import users


def test_a_link_made_at_the_command_line_leads_to_the_port_that_the_daemon_has(tmp_path):
    def made(name):
        arguments = ["add", name, "--role", "viewer", "--config", str(tmp_path / "headend.toml"), "--json"]
        return json.loads(CliRunner().invoke(users, arguments).stdout)["link"]

    async def served():
        async with open_house(tmp_path, listen="127.0.0.1:0") as headend:
            before = await asyncio.to_thread(made, "early")
            async with serving(headend) as found:
                return before, found.url, await asyncio.to_thread(made, "officer_1")

    before, url, link = asyncio.run(served())
    assert before.startswith("http://127.0.0.1/console/welcome/")
    assert link.startswith(f"{url}/console/welcome/")
    assert not url.endswith(":0")


def test_what_officers_added_is_shown_at_the_command_line_too(tmp_path):
    async def kept():
        async with open_house(tmp_path) as headend:
            console = headend.store.console
            await console.closures.add("Ranchi", date(2099, 1, 26), "Republic Day", "officer_1")
            await console.protections.protect(CONSUMERS["E1"], "dialysis", "officer_1")

    asyncio.run(kept())
    config = ["--config", str(tmp_path / "headend.toml")]
    table = CliRunner().invoke(policy, ["closures", *config]).stdout
    assert "2099-01-26" in table
    assert "Republic Day" in table
    (row,) = json.loads(CliRunner().invoke(policy, ["protected", "--json", *config]).stdout)
    assert (row["consumer_no"], row["reason"], row["added_by"]) == (CONSUMERS["E1"], "dialysis", "officer_1")
    assert json.loads(CliRunner().invoke(policy, ["closures", "--json", *config]).stdout)[0]["what"] == "2099-01-26"
