"""The sections [notices] and [[channels]], read and checked: manners, outlets, and what each gateway is like."""

import os
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from headend.notify.manners import Manners, QuietHours
from headend.notify.model import ChannelKind, NoticeKind
from headend.notify.outgoing import Lane
from headend.notify.routing import Outlet
from headend.notify.smsspec import ReceiptSpec, SmsSpec
from headend.notify.texts import LANGUAGES
from headend.prepaid.durations import duration
from headend.settings import (
    EmailSection,
    InboxSection,
    ReceiptsSection,
    Settings,
    SettingsError,
    SmsSection,
    WebhookSection,
)

Way = SmsSection | InboxSection | EmailSection | WebhookSection

_KINDS = {
    SmsSection: ChannelKind.SMS,
    InboxSection: ChannelKind.INBOX,
    EmailSection: ChannelKind.EMAIL,
    WebhookSection: ChannelKind.WEBHOOK,
}


def read_manners(settings: Settings) -> Manners:
    """The section [notices]; raises SettingsError."""
    section = settings.document.notices

    def span(key: str) -> timedelta:
        try:
            return duration(getattr(section, key))
        except ValueError as error:
            raise SettingsError(f"{settings.source}: notices.{key}: {error}") from error

    try:
        quiet = QuietHours.parse(section.quiet_hours)
    except ValueError as error:
        raise SettingsError(f"{settings.source}: notices.quiet_hours: {error}") from error
    for key in ("per_day", "attempts", "undelivered_after", "code_tries"):
        if getattr(section, key) < 1:
            raise SettingsError(f"{settings.source}: notices.{key}: must be 1 or more")
    if section.repeats < 0:
        raise SettingsError(f"{settings.source}: notices.repeats: must be 0 or more")
    span("code_valid_for")
    return Manners(
        quiet=quiet,
        urgent=_notice_kinds(settings, "notices.urgent", section.urgent),
        per_day=section.per_day,
        same_within=span("same_within"),
        valid_for=span("valid_for"),
        attempts=section.attempts,
        first_retry=span("first_retry"),
        longest_retry=span("longest_retry"),
        repeat_after=span("repeat_after"),
        repeats=section.repeats,
        receipt_within=span("receipt_within"),
        undelivered_after=section.undelivered_after,
    )


def read_outlets(settings: Settings) -> tuple[Outlet, ...]:
    """The sections [[channels]], each checked; raises SettingsError, naming the channel and the key."""
    ways = settings.document.channels
    names = [way.name for way in ways]
    for name in names:
        if not name or names.count(name) > 1:
            raise SettingsError(f"{settings.source}: channels: {name!r} must be a name that no other channel has")
    return tuple(_outlet(settings, way) for way in ways)


def lane_of(settings: Settings, way: Way) -> Lane:
    """What the queue needs to know of a channel."""
    look_s = None
    if isinstance(way, SmsSection) and way.receipts is not None:
        look_s = _span(settings, way, "receipts.every", way.receipts.every).total_seconds()
    return Lane(way.name, _KINDS[type(way)], way.attempts_a_day, look_s)


def sms_spec(settings: Settings, way: SmsSection, secret: str | None) -> SmsSpec:
    """What a gateway is like; raises SettingsError."""
    if way.json is not None and way.form is not None:
        raise fault(settings, way, "form", "a request has json or form, not both")
    spec = SmsSpec(
        url=_url(settings, way, "url", way.url),
        method=way.method,
        headers=way.headers,
        json=way.json,
        form=way.form,
        sender=way.sender,
        entity=way.entity,
        templates=_templates(settings, way),
        prefix=way.prefix,
        text_coding=way.text_coding,
        unicode_coding=way.unicode_coding,
        max_parts=way.max_parts,
        state=way.state,
        accepted=frozenset(way.accepted),
        id=way.id,
        error=way.error,
        retry=frozenset(way.retry),
        bad_number=frozenset(way.bad_number),
        receipts=None if way.receipts is None else _receipts(settings, way, way.receipts),
        secret=secret,
    )
    unknown = spec.unknown_placeholders()
    if unknown:
        raise fault(settings, way, "url, headers, json, form", f"{{{min(unknown)}}} stands for nothing")
    return spec


def secret_of(settings: Settings, way: SmsSection | EmailSection | WebhookSection) -> str | None:
    """The secret of a channel from the environment or its file, None where none is named; raises SettingsError."""
    if way.secret_env is not None:
        value = os.environ.get(way.secret_env)
        if value is None:
            raise fault(settings, way, "secret_env", f"{way.secret_env} is not set")
        return value
    if way.secret_file is None:
        return None
    path = settings.beside(way.secret_file)
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise fault(settings, way, "secret_file", f"{path} can't be read: {type(error).__name__}") from error


def fault(settings: Settings, way: Way, key: str, reason: str) -> SettingsError:
    """An error in the section of a channel."""
    return SettingsError(f"{settings.source}: channels, {way.name!r}: {key}: {reason}")


def _outlet(settings: Settings, way: Way) -> Outlet:
    kinds = _notice_kinds(settings, f"channels, {way.name!r}: notices", way.notices)
    if way.at_once < 1 or (way.attempts_a_day is not None and way.attempts_a_day < 0):
        raise fault(settings, way, "at_once, attempts_a_day", "must be 1 or more")
    if isinstance(way, SmsSection):
        sms_spec(settings, way, None)
        _check_templates(settings, way, kinds)
        lane_of(settings, way)
    if isinstance(way, WebhookSection):
        _url(settings, way, "url", way.url)
        if way.secret_env is None and way.secret_file is None:
            raise fault(settings, way, "secret_env", "a webhook is signed: name a variable or a file with its secret")
    return Outlet(way.name, _KINDS[type(way)], kinds, all_languages=way.languages == "all")


def _notice_kinds(settings: Settings, where: str, names: Iterable[str]) -> frozenset[NoticeKind]:
    known = {kind.value for kind in NoticeKind}
    for name in names:
        if name not in known:
            raise SettingsError(
                f"{settings.source}: {where}: {name!r} is no kind of notice; there are {', '.join(sorted(known))}"
            )
    return frozenset(NoticeKind(name) for name in names)


def _templates(settings: Settings, way: SmsSection) -> dict[tuple[NoticeKind, str], str]:
    kinds = _notice_kinds(settings, f"channels, {way.name!r}: templates", way.templates)
    for kind in kinds:
        for language in way.templates[kind.value]:
            if language not in LANGUAGES:
                raise fault(settings, way, f"templates.{kind}", f"{language!r} is none of {', '.join(LANGUAGES)}")
    return {(kind, language): number for kind in kinds for language, number in way.templates[kind.value].items()}


def _check_templates(settings: Settings, way: SmsSection, kinds: frozenset[NoticeKind]) -> None:
    """With a principal entity each message needs a registered template, else the network drops it unsaid."""
    if not way.entity:
        return
    for kind in sorted(kinds or frozenset(NoticeKind)):
        for language in LANGUAGES:
            if not way.templates.get(kind.value, {}).get(language):
                raise fault(settings, way, f"templates.{kind}.{language}", "the DLT template id is missing")


def _receipts(settings: Settings, way: SmsSection, section: ReceiptsSection) -> ReceiptSpec:
    if section.url is not None:
        _url(settings, way, "receipts.url", section.url)
        if "{id}" not in section.url:
            raise fault(settings, way, "receipts.url", "must hold {id}, which stands for the message")
    return ReceiptSpec(
        url=section.url,
        method=section.method,
        id=section.id,
        state=section.state,
        delivered=frozenset(section.delivered),
        failed=frozenset(section.failed),
        error=section.error,
        bad_number=frozenset(section.bad_number),
    )


def _url(settings: Settings, way: Way, key: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise fault(settings, way, key, "must look like https://gateway/path")
    return url


def _span(settings: Settings, way: Way, key: str, text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise fault(settings, way, key, str(error)) from error
