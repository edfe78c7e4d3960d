"""Work and complaints are closed; the audit is shown and proven."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from headend.web.console.tables import as_csv, show
from headend.web.console.views import AUDIT
from headend.web.faces import WebRequest, actor, faces
from headend.web.forms import fields, text
from headend.web.look import count
from headend.web.pages import go_to
from headend.web.security import Permission, needs


@post("/work/{number:int}", opt=needs(Permission.OPERATE), status_code=303)
async def close_work(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Close an item with what was done."""
    note = text(await fields(request), "note", "what was done")
    await faces(request).acts.close_work(actor(request), number, note)
    return go_to(request, "/console/work", f"Item {number} is closed.")


@post("/complaints/{number:int}", opt=needs(Permission.OPERATE), status_code=303)
async def close_complaint(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Close a complaint with an answer, which the consumer reads."""
    answer = text(await fields(request), "note", "the answer")
    await faces(request).acts.close_complaint(actor(request), number, answer)
    return go_to(request, "/console/complaints", f"Complaint {number} is closed.")


@get("/audit", opt=needs(Permission.APPROVE))
async def audit(request: WebRequest) -> Response[Any]:
    """Who did what, and whether the chain is whole."""
    return await show(request, AUDIT, "console/audit.html", report=await faces(request).records.audit_report())


@post("/audit/verify", opt=needs(Permission.APPROVE), status_code=303)
async def verify(request: WebRequest) -> Response[Any]:
    """Recompute the whole chain from its first row."""
    report = await faces(request).records.audit_report(anew=True)
    if report.ok:
        told = f"All {count(report.rows)} rows are whole; the end is {report.head}."
        return go_to(request, "/console/audit", told)
    return go_to(request, "/console/audit", "; ".join(report.findings)[:400], "bad")


@get("/audit.csv", opt=needs(Permission.APPROVE))
async def audit_csv(request: WebRequest) -> Response[Any]:
    """The audit as CSV."""
    return await as_csv(request, AUDIT)


ROUTES: Final = (close_work, close_complaint, audit, verify, audit_csv)
