"""Accounts, their ledger and notices, and recharges."""

from typing import Annotated, Final

from litestar import Response
from litestar.params import FromPath, JSONBody, QueryParameter

from headend.web.api import shapes
from headend.web.api.cursors import rows_after
from headend.web.api.fleet import Cursor, Limit, Office
from headend.web.api.once import IdempotencyKey, once
from headend.web.api.routes import api_actor, caller, changes, office_of, reads
from headend.web.faces import WebRequest, faces


@reads("/accounts", "accounts:read")
async def accounts(
    request: WebRequest,
    office: Office = "",
    q: Annotated[str, QueryParameter(max_length=100)] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> shapes.Page[shapes.Account]:
    """Accounts by consumer number; `q` searches number, meter, mobile and name."""
    rows, following = await rows_after(
        request, "accounts", office=office_of(request, office), filters={"q": q}, cursor=cursor, limit=limit
    )
    return shapes.Page(items=[shapes.taken(shapes.Account, row) for row in rows], next=following)


@reads("/accounts/{consumer_no:str}", "accounts:read")
async def account(request: WebRequest, consumer_no: FromPath[str]) -> shapes.Account:
    """One account."""
    root = caller(request).office
    await faces(request).records.account(root, consumer_no)
    row = await faces(request).listings.one("accounts", consumer_no, office=root)
    assert row is not None
    return shapes.taken(shapes.Account, row)


@reads("/accounts/{consumer_no:str}/ledger", "accounts:read")
async def ledger(
    request: WebRequest, consumer_no: FromPath[str], cursor: Cursor = "", limit: Limit = 100
) -> shapes.Page[shapes.Entry]:
    """Entries, the oldest first."""
    root = caller(request).office
    await faces(request).records.account(root, consumer_no)
    rows, following = await rows_after(
        request, "ledger", office=root, filters={"consumer_no": consumer_no}, cursor=cursor, limit=limit
    )
    return shapes.Page(items=[shapes.taken(shapes.Entry, row) for row in rows], next=following)


@changes("/accounts/{consumer_no:str}/recharges", "accounts:write", status_code=201)
async def recharge(
    request: WebRequest, consumer_no: FromPath[str], data: JSONBody[shapes.NewRecharge], key: IdempotencyKey
) -> Response[shapes.Recharge]:
    """Book a payment; supply comes back with it where that is due."""
    acts, actor = faces(request).acts, api_actor(request)

    async def work() -> shapes.Recharge:
        done = await acts.recharge(actor, consumer_no, data.amount_paise, data.payment_id)
        command = None if done.command is None else done.command.id
        return shapes.Recharge(entry=done.entry.id, repeated=done.repeated, balance_paise=done.balance, command=command)

    return await once(request, key, 201, work, given=data)


@reads("/notices", "accounts:read")
async def notices(
    request: WebRequest,
    office: Office = "",
    consumer_no: Annotated[str, QueryParameter(max_length=11)] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> shapes.Page[shapes.Notice]:
    """Notices, the oldest first."""
    filters = {"consumer_no": consumer_no}
    rows, following = await rows_after(
        request, "notices", office=office_of(request, office), filters=filters, cursor=cursor, limit=limit
    )
    return shapes.Page(items=[shapes.taken(shapes.Notice, row) for row in rows], next=following)


ROUTES: Final = (accounts, account, ledger, recharge, notices)
