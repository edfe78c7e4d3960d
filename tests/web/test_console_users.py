import asyncio
import json

from click.testing import CliRunner
from office_house import open_house

from headend.app.serving import serving
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
