"""All that is kept about a consumer, as CSV and JSON in a zip file."""

import asyncio
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from headend.prepaid.model import Account
from headend.prepaid.portal import Statement, Usage
from headend.web.csvtext import csv_text
from headend.web.look import INDIA, iso
from headend.web.portal.account import before
from headend.web.portal.desk import Desk

#: Years back that a download looks for entries.
_MOST_MONTHS: Final = 120
_MOST_ROWS: Final = 10_000
Row = Sequence[object]


async def everything(desk: Desk, consumer_no: str) -> bytes:
    """The zip file."""
    view = await desk.accounts.view(consumer_no, desk.now())
    today = desk.now().astimezone(INDIA).date().replace(day=1)
    statements = await _statements(desk, consumer_no, today)
    files = {
        "account.json": _account(view.facts.account, view.facts.balance),
        "ledger.csv": _csv(("at", "kind", "amount_paise", "balance_paise", "reference", "note"), _ledger(statements)),
        "use-by-day.csv": _csv(("day", "energy_wh", "paise"), _use(await _days(desk, consumer_no, statements))),
        "payments.csv": _csv(
            ("payment", "amount_paise", "state", "started_at", "settled_at", "gateway", "reference", "reason"),
            [
                (p.id, p.amount, p.state, iso(p.started_at), _at(p.settled_at), p.gateway, p.reference, p.reason)
                for p in await desk.payments.of_consumer(consumer_no, _MOST_ROWS)
            ],
        ),
        "messages.csv": _csv(
            ("at", "kind", "hindi", "english", "delivered_at"),
            [
                (
                    iso(each.notice.at),
                    each.notice.kind,
                    each.notice.texts.get("hi", ""),
                    each.notice.texts.get("en", ""),
                    _at(each.delivered_at),
                )
                for each in await desk.accounts.notices(consumer_no, _MOST_ROWS)
            ],
        ),
        "complaints.csv": _csv(
            ("number", "at", "subject", "text", "closed_at", "answer"),
            [
                (c.id, iso(c.at), c.subject, c.text, _at(c.closed_at), c.answer)
                for c in await desk.complaints.of_consumer(consumer_no, _MOST_ROWS)
            ],
        ),
    }
    return await asyncio.to_thread(_zipped, files)


async def _statements(desk: Desk, consumer_no: str, month: date) -> list[Statement]:
    found: list[Statement] = []
    for _ in range(_MOST_MONTHS):
        found.append(await desk.statements.statement(consumer_no, month))
        if not found[-1].earlier:
            break
        month = before(month)
    return found


async def _days(desk: Desk, consumer_no: str, statements: list[Statement]) -> list[Usage]:
    days: list[Usage] = []
    for each in reversed(statements):
        days += await desk.statements.by_day(consumer_no, each.month)
    return days


def _ledger(statements: list[Statement]) -> Iterable[Row]:
    for statement in reversed(statements):
        for line in reversed(statement.lines):
            yield iso(line.at), line.kind, line.amount, line.balance, line.reference, line.note


def _use(days: list[Usage]) -> Iterable[Row]:
    return [(each.day.isoformat(), each.energy_wh, each.paise) for each in days]


def _account(account: Account, balance: int | None) -> bytes:
    kept = {
        "consumer_no": account.consumer_no,
        "name": account.name,
        "language": account.language,
        "mobile": account.mobile,
        "category": account.category,
        "office": account.office,
        "tariff": account.tariff,
        "protected": account.protected,
        "meter": account.meter,
        "balance_kept_by": account.balance_source.value,
        "balance_paise": balance,
    }
    return msgspec.json.format(msgspec.json.encode(kept))


def _at(moment: datetime | None) -> str:
    return "" if moment is None else iso(moment)


def _csv(header: Row, rows: Iterable[Row]) -> bytes:
    return csv_text([header, *rows]).encode()


def _zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
