import click

from headend.cli.output import config_option, emit_json, json_option, say, shown, table

_ROLES = ["viewer", "operator", "approver", "administrator"]


@click.group()
def users() -> None:
    """Officers who may log in to the console. A password is set by a one-time link, never here."""


@users.command("list", epilog="\b\nExample:\n  headend users list --json")
@config_option
@json_option
def list_(config: str | None, as_json: bool) -> None:
    """Everybody, by name."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.officers.officers())
    if as_json:
        emit_json(found)
        return
    states = {True: "shut out", False: "active"}
    rows = [
        (
            each.name,
            each.full_name,
            each.role,
            each.office or "the house",
            states[each.disabled] if each.ready else "no password yet",
        )
        for each in found
    ]
    table("Users", ("name", "full name", "role", "office", "state"), rows)


@users.command(
    epilog="\b\nExamples:\n  headend users add officer-1 --role operator --office 'Ranchi/Ranchi East'\n"
    "  headend users add chief --role administrator"
)
@click.argument("name")
@click.option("--full-name", default="", help="As the console shows it.")
@click.option("--role", type=click.Choice(_ROLES), required=True)
@click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: the house.")
@config_option
@json_option
def add(name: str, full_name: str, role: str, office: str, config: str | None, as_json: bool) -> None:
    """Add a user, and print the link that sets the password."""
    from headend.cli.running import acting_by_hand, person, with_store
    from headend.commands.officers import Role
    from headend.storage.officers import Link
    from headend.storage.store import Store

    async def work(store: Store) -> tuple[Link, str | None]:
        await store.officers.add(name, full_name, Role(role), office, person())
        return await store.officers.link(name), await store.officers.served_at()

    act = acting_by_hand("add user", name, office, role=role)
    _tell_link(config, *with_store(config, work, act), as_json=as_json)


@users.command(epilog="\b\nExample:\n  headend users link officer-1")
@click.argument("name")
@config_option
@json_option
def link(name: str, config: str | None, as_json: bool) -> None:
    """Print a new link that sets a user's password once, within a day; earlier links end."""
    from headend.cli.running import acting_by_hand, with_store
    from headend.storage.officers import Link
    from headend.storage.store import Store

    async def work(store: Store) -> tuple[Link, str | None]:
        return await store.officers.link(name), await store.officers.served_at()

    _tell_link(config, *with_store(config, work, acting_by_hand("new link", name)), as_json=as_json)


@users.command(epilog="\b\nExamples:\n  headend users disable officer-1\n  headend users disable officer-1 --undo")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let the user in again.")
@config_option
@json_option
def disable(name: str, undo: bool, config: str | None, as_json: bool) -> None:
    """Shut a user out: every session and link ends at once."""
    from headend.cli.running import acting_by_hand, with_store
    from headend.commands.officers import Officer
    from headend.storage.store import Store

    async def work(store: Store) -> Officer:
        return await store.officers.disable(name, disabled=not undo)

    found = with_store(config, work, acting_by_hand("enable user" if undo else "disable user", name))
    emit_json(found) if as_json else say(f"{found.name}: {'let in again' if undo else 'shut out'}")


def _tell_link(config: str | None, found: "Link", served_at: str | None, *, as_json: bool) -> None:  # type: ignore[name-defined]  # noqa: F821
    from headend.settings import load_settings

    section = load_settings(config).document.web
    scheme = "https" if section.tls_cert else "http"
    base = section.public_url or f"{scheme}://{section.listen or '127.0.0.1:8080'}"
    if not section.public_url and section.listen.endswith(":0"):
        # The system chose the port, and only a daemon that serves knows it.
        base = served_at or f"{scheme}://{section.listen.removesuffix(':0')}"
    url = f"{base.rstrip('/')}/console/welcome/{found.token}"
    if as_json:
        emit_json({"user": found.officer, "link": url, "expires_at": found.expires_at})
        return
    say(f"{found.officer} sets a password, once, until {shown(found.expires_at)}, at:")
    click.echo(url)
    if not section.public_url and section.listen.endswith(":0") and served_at is None:
        say("the port is known when the daemon has started: its log says `serving`")
