import click

from headend.cli.output import config_option, emit_json, json_option, say, table
from headend.cli.policy_closures import closures, protected
from headend.cli.policy_lists import COMMANDS
from headend.cli.policy_replay import replay


@click.group()
def policy() -> None:
    """What may be cut at all: the mode of each office, arming, and the kill switch.

    A daemon starts disarmed: decisions are computed and recorded, nothing is cut, until `policy arm` (or `run --arm`).
    """


for each in (*COMMANDS, replay, closures, protected):
    policy.add_command(each)


@policy.command(epilog="\b\nExample:\n  headend policy show --json")
@config_option
@json_option
def show(config: str | None, as_json: bool) -> None:
    """The switches as they stand."""
    from headend.cli.running import with_store
    from headend.storage.store import Store

    async def work(store: Store) -> dict[str, object]:
        switches = store.switches
        return {
            "armed": await switches.armed(),
            "kill_switch": await switches.kill_switch(),
            "modes": await switches.modes(),
        }

    found = with_store(config, work)
    if as_json:
        emit_json(found)
        return
    modes = found["modes"]
    assert isinstance(modes, dict)
    rows = [("armed", "yes" if found["armed"] else "no"), ("kill switch", "ON" if found["kill_switch"] else "off")]
    rows += [(f"mode of {office or 'the house'}", mode.value) for office, mode in modes.items()]
    table("Switches", ("", ""), rows)


@policy.command(
    epilog="\b\nExamples:\n  headend policy mode notify\n  headend policy mode automatic --office 'Ranchi/East'"
)
@click.argument("mode", type=click.Choice(["notify", "propose", "automatic"]))
@click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: the house.")
@config_option
@json_option
def mode(mode: str, office: str, config: str | None, as_json: bool) -> None:
    """Set the mode of an office: messages only, a list to approve, or automatic cuts.

    `automatic` is only asked for; a second person confirms it (unless [policy] second_person = false).
    """
    from headend.cli.running import acting_by_hand, person, with_store
    from headend.prepaid.model import Mode
    from headend.settings import load_settings

    if Mode(mode) is Mode.AUTOMATIC and load_settings(config).document.policy.second_person:
        act = acting_by_hand("propose mode", office or "house", office, mode=mode)
        asked = with_store(config, lambda store: store.switches.propose_mode(office, Mode(mode), by=person()), act)
        if as_json:
            emit_json({"office": asked.office, "mode": mode, "proposal": asked})
            return
        say(f"{office or 'the house'}: {mode} is proposed; nothing has changed. Another person confirms it with:")
        say(f"  headend policy confirm {asked.id}")
        return
    act = acting_by_hand("set mode", office or "house", office, mode=mode)
    with_store(config, lambda store: store.switches.set_mode(office, Mode(mode), by=person()), act)
    emit_json({"office": office, "mode": mode}) if as_json else say(f"{office or 'the house'}: {mode}")


def _switch(name: str, *, on: bool, text: str, config: str | None, as_json: bool) -> None:
    from headend.cli.running import acting_by_hand, person, with_store
    from headend.storage.store import Store

    async def work(store: Store) -> None:
        switches = store.switches
        await (switches.set_armed if name == "armed" else switches.set_kill_switch)(on=on, by=person())

    armed, killed = ("arm", "disarm"), ("kill switch on", "kill switch off")
    action = (armed if name == "armed" else killed)[0 if on else 1]
    with_store(config, work, acting_by_hand(action, "house"))
    emit_json({name: on}) if as_json else say(text)


@policy.command(epilog="\b\nExample:\n  headend policy arm")
@config_option
@json_option
def arm(config: str | None, as_json: bool) -> None:
    """Allow the policy to cut, until the daemon starts again."""
    _switch("armed", on=True, text="armed: offices in mode automatic may cut", config=config, as_json=as_json)


@policy.command(epilog="\b\nExample:\n  headend policy disarm")
@config_option
@json_option
def disarm(config: str | None, as_json: bool) -> None:
    """Keep the policy from cutting; decisions are still recorded."""
    _switch("armed", on=False, text="disarmed: nothing is cut by policy", config=config, as_json=as_json)


@policy.command("kill", epilog="\b\nExample:\n  headend policy kill")
@config_option
@json_option
def kill(config: str | None, as_json: bool) -> None:
    """Kill switch on: stop every disconnect at once. Reconnects go on."""
    _switch(
        "kill_switch", on=True, text="kill switch ON: nobody is cut; reconnects go on", config=config, as_json=as_json
    )


@policy.command("unkill", epilog="\b\nExample:\n  headend policy unkill")
@config_option
@json_option
def unkill(config: str | None, as_json: bool) -> None:
    """Kill switch off."""
    _switch("kill_switch", on=False, text="kill switch off", config=config, as_json=as_json)
