import click

from headend.cli.output import config_option, emit_json, json_option, say, table
from headend.errors import HeadendError


class UnknownNotice(HeadendError):  # noqa: N818  an answer, not a fault
    """There is no notice of that number."""

    exit_code = 2


@click.group()
def notices() -> None:
    """Notices to consumers, in Hindi and English."""


@notices.command("list", epilog="\b\nExample:\n  headend notices list 10000000001")
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@config_option
@json_option
def list_(consumer_no: str, limit: int, config: str | None, as_json: bool) -> None:
    """The notices of a consumer, newest first."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.accounts.notices(consumer_no, limit))
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.id, each.notice.at, each.notice.kind, language, text, each.delivered_at)
        for each in found
        for language, text in each.notice.texts.items()
    ]
    table(f"Notices to {consumer_no}", ("id", "time", "notice", "language", "text", "delivered"), rows)


@notices.command(epilog="\b\nExample:\n  headend notices delivered 42")
@click.argument("notice_id", metavar="ID", type=int)
@config_option
@json_option
def delivered(notice_id: int, config: str | None, as_json: bool) -> None:
    """Confirm that a notice has reached its consumer; a cut may rest on that."""
    from headend.app import now
    from headend.cli.running import with_store

    if not with_store(config, lambda store: store.accounts.notice_delivered(notice_id, now())):
        raise UnknownNotice(f"there is no notice {notice_id}; `headend notices list CONSUMER_NO` shows their numbers")
    emit_json({"notice": notice_id, "delivered": True}) if as_json else say(f"notice {notice_id} is delivered")
