"""Notices go out while the daemon runs; receipts come in; a code goes out at the counter."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from attrs import field, frozen

from headend.app.opening import now
from headend.app.ways import Way, fault, lane_of, secret_of, sms_spec
from headend.errors import HeadendError
from headend.notify.delivery import Courier, CourierRules
from headend.notify.model import Notice, NoticeKind
from headend.notify.outgoing import Outgoing, Refused, Taken
from headend.prepaid.durations import duration
from headend.settings import EmailSection, InboxSection, Settings, SettingsError, SmsSection, WebhookSection
from headend.storage.numbers import masked

if TYPE_CHECKING:
    from headend.app.setup import Setup
    from headend.app.wiring import Headend
    from headend.notify.ports import Channel
    from headend.prepaid.model import Account
    from headend.prepaid.portal import LoginCode
    from headend.storage.numbers import Code

_log = structlog.get_logger()

#: Seconds for messages that are under way when we stop; one that is not settled by then is repeated after its lease.
LAST_MESSAGES_S: Final = 5.0
#: A code is waited for at the counter: it is tried a few times at once, not over hours.
_CODE_ATTEMPTS: Final = 3


class CodeNotSent(HeadendError):  # noqa: N818  an answer, not a fault
    """The one-time password could not be sent; nothing was changed."""

    exit_code = 3


@asynccontextmanager
async def delivering(headend: "Headend") -> AsyncIterator[list[Courier]]:
    """Messages go out while the block runs, by a courier for each channel that is configured."""
    couriers = [
        courier(headend, way) for way in headend.setup.settings.document.channels if not isinstance(way, InboxSection)
    ]
    tasks = [asyncio.create_task(each.run(), name=f"courier {each.lane.name}") for each in couriers]
    try:
        yield couriers
    finally:
        for each in couriers:
            each.stop()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=LAST_MESSAGES_S)
            for task in pending:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def courier(headend: "Headend", way: Way, rules: CourierRules | None = None) -> Courier:
    """The courier of one channel."""
    setup = headend.setup
    return Courier(
        queue=headend.store.deliveries,
        lane=lane_of(setup.settings, way),
        channel=open_channel(setup, way),
        manners=setup.manners,
        rules=rules or CourierRules(at_once=way.at_once),
    )


def open_channel(setup: "Setup", way: Way) -> "Channel":
    """A channel as its section says; raises SettingsError for a secret that can't be read."""
    settings = setup.settings
    match way:
        case SmsSection():
            from headend.notify.http import Http  # noqa: PLC0415  a command that sends nothing need not load it
            from headend.notify.smsgateway import SmsGateway  # noqa: PLC0415

            return SmsGateway(sms_spec(settings, way, secret_of(settings, way)), Http(way.timeout_s))
        case WebhookSection():
            from headend.notify.http import Http  # noqa: PLC0415
            from headend.notify.webhook import Webhook  # noqa: PLC0415

            secret = secret_of(settings, way)
            if not secret:
                raise fault(settings, way, "secret_env", "the secret is empty")
            return Webhook(way.url, secret, Http(way.timeout_s), now)
        case EmailSection():
            from headend.notify.mail import Mail  # noqa: PLC0415

            subjects = {language: each.subject for language, each in setup.texts.templates.items()}
            return Mail(
                host=way.host,
                port=way.port,
                sender=way.sender,
                security=way.security,
                subjects=subjects,
                user=way.user,
                password=secret_of(settings, way),
                timeout_s=way.timeout_s,
            )
        case InboxSection():
            raise fault(settings, way, "kind", "online messages need no courier")


async def take_receipt(headend: "Headend", channel: str, fields: Mapping[str, str], token: str) -> bool:
    """A gateway calls back: `fields` of its query, form or JSON; `token` must be the channel's secret.

    False when the token is wrong, the channel takes no receipts, or the message is not known: one answer for all.
    """
    way = _named(headend.setup.settings, channel)
    secret = None if way is None else secret_of(headend.setup.settings, way)
    if way is None or not secret or not hmac.compare_digest(secret.encode(), token.encode()):
        return False
    receipt = sms_spec(headend.setup.settings, way, None).called_back(fields)
    if receipt is None:
        return False
    return await headend.store.deliveries.receipt(channel, receipt, headend.setup.manners)


async def ask_number_change(headend: "Headend", consumer_no: str, mobile: str, by: str) -> str:
    """Send a one-time password to a consumer's new number; the number. Raises NumberRefused and CodeNotSent."""
    setup = headend.setup
    section = setup.settings.document.notices
    way = _text_channel(setup.settings, NoticeKind.ONE_TIME_PASSWORD)
    account = await headend.store.accounts.account(consumer_no)

    valid_for = duration(section.code_valid_for)
    code = await headend.store.numbers.ask(consumer_no, mobile, by=by, valid_for=valid_for, tries=section.code_tries)
    reason = await _send_code(
        setup, way, NoticeKind.ONE_TIME_PASSWORD, _code_on_its_way(code, account, valid_for), code.change
    )
    if reason is not None:
        await headend.store.numbers.withdraw(code, by)
        raise CodeNotSent(f"the code could not be sent to {code.mobile}: {reason}; nothing was changed")
    return code.mobile


async def confirm_number_change(headend: "Headend", consumer_no: str, code: str, by: str) -> str:
    """Change the number if the code is right, and tell the old number; the new one. Raises NumberRefused."""
    setup = headend.setup
    account = await headend.store.accounts.account(consumer_no)
    pending = await headend.store.numbers.pending(consumer_no)
    kind, at = NoticeKind.NUMBER_CHANGED, headend.clock.now()
    fields = {"consumer_no": consumer_no, "name": account.name, "number": masked(pending)}
    texts = setup.texts.render(kind, fields)
    routing = setup.rules().routing
    # The present number is about to become the old one, which is told; the other channels are the consumer's own.
    routes = () if account.mobile is None else routing.elsewhere(kind, account.language, account.mobile)
    names = {route.channel for route in routes}
    own = routing.routes(kind, account.language, tuple(texts))
    routes += tuple(route for route in own if route.kind.value != "sms" and route.channel not in names)
    notice = Notice(consumer_no, kind, f"number_changed:{at:%Y%m%dT%H%M%S.%f}", at, texts, routes)
    return await headend.store.numbers.confirm(consumer_no, code, by=by, notice=notice)


async def send_login_code(headend: "Headend", code: "LoginCode") -> None:
    """Send a code for the portal to the registered mobile; what fails is logged, since nobody may be told."""
    setup = headend.setup
    kind = NoticeKind.LOGIN_CODE
    valid_for = duration(setup.settings.document.notices.code_valid_for)
    sent = _CodeText(code.consumer_no, code.name, code.language, code.mobile, code.code, valid_for)
    try:
        reason = await _send_code(setup, _text_channel(setup.settings, kind), kind, sent, code.id)
    except HeadendError as error:
        reason = str(error)
    if reason is not None:
        _log.warning("a code for the portal could not be sent", consumer_no=code.consumer_no, error=reason)


@frozen
class _CodeText:
    """A code on its way: to whom, in which language, and how long it is good."""

    consumer_no: str
    name: str
    language: str
    mobile: str
    code: str = field(repr=False)
    valid_for: timedelta


def _code_on_its_way(code: "Code", account: "Account", valid_for: timedelta) -> _CodeText:
    return _CodeText(code.consumer_no, account.name, account.language, code.mobile, code.code, valid_for)


async def _send_code(setup: "Setup", way: SmsSection, kind: NoticeKind, sent: _CodeText, number: int) -> str | None:
    """Send it now; why it was not taken, None when it was."""
    minutes = str(max(int(sent.valid_for.total_seconds() // 60), 1))
    fields = {"consumer_no": sent.consumer_no, "name": sent.name, "code": sent.code, "minutes": minutes}
    text = setup.texts.render(kind, fields)[sent.language]
    channel = open_channel(setup, way)
    suffix = "code" if kind is NoticeKind.ONE_TIME_PASSWORD else "login"
    reason = ""
    try:
        for attempt in range(1, _CODE_ATTEMPTS + 1):
            message = Outgoing(
                delivery=number,
                send=1,
                attempt=attempt,
                channel=f"{way.name}-{suffix}",
                kind=kind,
                key=f"{suffix}:{number}",
                language=sent.language,
                consumer_no=sent.consumer_no,
                at=now(),
                text=text,
                address=sent.mobile,
            )
            outcome = await channel.send(message)
            if isinstance(outcome, Taken):
                return None
            reason = outcome.reason
            if isinstance(outcome, Refused):
                break
    finally:
        await channel.close()
    return reason


def _text_channel(settings: Settings, kind: NoticeKind) -> SmsSection:
    for way in settings.document.channels:
        if isinstance(way, SmsSection) and (not way.notices or kind.value in way.notices):
            return way
    raise SettingsError(f"{settings.source}: channels: none of kind sms takes {kind}; codes can't be sent")


def _named(settings: Settings, channel: str) -> SmsSection | None:
    for way in settings.document.channels:
        if way.name == channel and isinstance(way, SmsSection):
            return way
    return None
