from typing import TYPE_CHECKING

import click

from headend.cli.output import config_option, emit_json, json_option, plain, say, table
from headend.errors import HeadendError

if TYPE_CHECKING:
    from headend.notify.outgoing import Delivery


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
    from headend.cli.running import acting_by_hand, with_store

    act = acting_by_hand("confirm notice", notice_id, of="notice")
    if not with_store(config, lambda store: store.accounts.notice_delivered(notice_id, now()), act):
        raise UnknownNotice(f"there is no notice {notice_id}; `headend notices list CONSUMER_NO` shows their numbers")
    emit_json({"notice": notice_id, "delivered": True}) if as_json else say(f"notice {notice_id} is delivered")


@notices.command(epilog="\b\nExample:\n  headend notices queue --state failed --office 'Ranchi/Ranchi East'")
@click.option("--consumer", "consumer_no", help="Only to this consumer.")
@click.option("--office", default="", help="Only to consumers of this office and those below it.")
@click.option("--state", type=click.Choice(["queued", "sent", "delivered", "failed", "suppressed"]))
@click.option("--channel", help="Only by this channel.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@config_option
@json_option
def queue(
    consumer_no: str | None,
    office: str,
    state: str | None,
    channel: str | None,
    limit: int,
    config: str | None,
    as_json: bool,
) -> None:
    """Messages on their way, newest first: what each channel made of each notice."""
    from headend.cli.running import with_store
    from headend.notify.outgoing import DeliveryState

    wanted = None if state is None else DeliveryState(state)
    found = with_store(
        config,
        lambda store: store.deliveries.deliveries(
            consumer_no=consumer_no, office=office, state=wanted, channel=channel, limit=limit
        ),
    )
    _show(found, "Messages", as_json)


@notices.command(epilog="\b\nExample:\n  headend notices undelivered --office 'Ranchi/Ranchi East/Kokar'")
@click.option("--office", default="", help="Only to consumers of this office and those below it.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@config_option
@json_option
def undelivered(office: str, limit: int, config: str | None, as_json: bool) -> None:
    """Messages that failed, with the reason; `consumers list --without-number` shows whom none reaches."""
    from headend.cli.running import with_store
    from headend.notify.outgoing import DeliveryState

    found = with_store(
        config,
        lambda store: store.deliveries.deliveries(office=office, state=DeliveryState.FAILED, limit=limit),
    )
    _show(found, f"Messages that did not arrive{f' in {office}' if office else ''}", as_json)


@notices.command(epilog="\b\nExample:\n  headend notices show 17")
@click.argument("message_id", metavar="MESSAGE", type=int)
@config_option
@json_option
def show(message_id: int, config: str | None, as_json: bool) -> None:
    """One message: its words, and all that happened to it."""
    from headend.cli.running import with_store
    from headend.notify.outgoing import Delivery
    from headend.storage.store import Store

    async def work(store: Store) -> tuple[Delivery, str | None]:
        found = await store.deliveries.delivery(message_id)
        return found, await store.deliveries.text(message_id)

    found, text = with_store(config, work)
    if as_json:
        emit_json({**plain(found), "text": text})
        return
    rows = [(name.replace("_", " "), value) for name, value in _fields(found).items()]
    table(f"Message {message_id}", ("", ""), [*rows, ("text", text)])


@notices.command(epilog="\b\nExample:\n  headend notices retry 17")
@click.argument("message_id", metavar="MESSAGE", type=int)
@click.option("--by", help="Who asks for it.  [default: the user who runs this]")
@config_option
@json_option
def retry(message_id: int, by: str | None, config: str | None, as_json: bool) -> None:
    """Queue a message again that failed or was suppressed; the daemon sends it."""
    from headend.cli.running import acting_by_hand, person, with_store

    act = acting_by_hand("retry message", message_id, of="message", asked_by=by)
    found = with_store(config, lambda store: store.deliveries.retry(message_id, by or person()), act)
    emit_json(found) if as_json else say(f"message {message_id} is {found.state}")


@notices.command(epilog="\b\nExample:\n  headend notices channels --json")
@config_option
@json_option
def channels(config: str | None, as_json: bool) -> None:
    """The channels: messages by state, attempts today, and how many are left under the contract."""
    from headend.cli.running import with_store
    from headend.settings import load_settings
    from headend.storage.store import Store

    ways = load_settings(config).document.channels

    async def work(store: Store) -> list[dict[str, object]]:
        counts = {(channel, state): count for channel, state, count in await store.deliveries.counts()}
        found: list[dict[str, object]] = []
        for way in ways:
            used = await store.deliveries.attempts_today(way.name)
            left = None if way.attempts_a_day is None else max(way.attempts_a_day - used, 0)
            states = {state: counts.get((way.name, state), 0) for state in _STATES}
            found.append({"channel": way.name, **states, "attempts_today": used, "attempts_left": left})
        return found

    found = with_store(config, work)
    if as_json:
        emit_json(found)
        return
    columns = ("channel", *_STATES, "attempts_today", "attempts_left")
    rows = [[row[name] for name in columns] for row in found]
    table("Channels", [name.replace("_", " ") for name in columns], rows)


_STATES = ("queued", "sent", "delivered", "failed", "suppressed")


def _show(found: "list[Delivery]", title: str, as_json: bool) -> None:
    if as_json:
        emit_json(found)
        return
    rows = [
        (
            each.id,
            each.at,
            each.consumer_no,
            each.office,
            each.kind,
            each.channel,
            each.language,
            each.state,
            f"{each.sends}/{each.attempts}",
            each.next_try,
            each.error,
        )
        for each in found
    ]
    columns = ("id", "time", "consumer", "office", "notice", "channel", "language", "state", "sends/tries", "next")
    table(title, (*columns, "reason"), rows)


def _fields(found: "Delivery") -> dict[str, object]:
    import attrs

    return {field.name: getattr(found, field.name) for field in attrs.fields(type(found))}
