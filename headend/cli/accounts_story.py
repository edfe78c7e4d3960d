import click

from headend.cli.output import config_option, emit_json, json_option, shown


@click.command("explain", epilog="\b\nExample:\n  headend accounts explain 10000000001 --language hi")
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.option("--language", type=click.Choice(["hi", "en"]), default=None, help="[default: the consumer's own]")
@click.option("--limit", default=60, show_default=True, help="The newest so many steps.")
@config_option
@json_option
def explain(consumer_no: str, language: str | None, limit: int, config: str | None, as_json: bool) -> None:
    """The story of an account in plain words: what was booked, decided, told and done, each with its evidence."""
    from headend.app import now
    from headend.cli.running import with_store
    from headend.prepaid.story import teller

    story = with_store(config, lambda store: store.accounts.story(consumer_no, now(), limit))
    told_in = teller(language or story.view.facts.account.language, story.time_zone)
    summary = told_in.summary(story.view.facts, story.reason)
    steps = [told_in.step(each) for each in story.happenings]
    if as_json:
        emit_json({"consumer_no": consumer_no, "summary": summary, "steps": steps})
        return
    click.echo(shown(summary))
    for step in steps:
        click.echo(f"\n{told_in.time(step.at)}  {shown(step.text)}")
        click.echo(f"                  [{shown(step.evidence)}]")
