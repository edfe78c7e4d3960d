import sys

import click

from headend.cli.output import config_option, emit_json, json_option, plain, say, table


@click.group()
def audit() -> None:
    """Who did what. Each row holds the digest of the row before it, so that none can be changed or taken out unseen."""


@audit.command("list", epilog="\b\nExample:\n  headend audit list --limit 20")
@click.option("--after", default=0, help="Only rows after this number, oldest first.  [default: the newest]")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@config_option
@json_option
def list_(after: int, limit: int, config: str | None, as_json: bool) -> None:
    """Deeds, the newest last."""
    from headend.cli.running import with_store
    from headend.storage.audit import AuditRow
    from headend.storage.store import Store

    async def work(store: Store) -> list[AuditRow]:
        start = after or max(0, (await store.audit.verify()).rows - limit)
        return await store.audit.rows(start, limit)

    found = with_store(config, work)
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.number, each.at, each.by, each.via, each.action, each.subject, each.office, each.detail) for each in found
    ]
    table("Audit", ("number", "time", "who", "by way of", "did", "to", "office", "detail"), rows)


@audit.command(epilog="\b\nExamples:\n  headend audit verify\n  headend audit verify --end 9f2c41d0…")
@click.option("--end", default="", help="The end of the chain as it was noted earlier: it must still be in it.")
@config_option
@json_option
def verify(end: str, config: str | None, as_json: bool) -> None:
    """Recompute the chain from its first row. Exit 1 when it is broken, or when a noted end is not in it."""
    from headend.cli.running import with_store
    from headend.storage.audit import AuditReport
    from headend.storage.store import Store

    async def work(store: Store) -> tuple[AuditReport, bool]:
        report, number, known = await store.audit.verify(), 0, not end
        while not known and (rows := await store.audit.rows(number, 5000)):
            known = any(row.digest.startswith(end.lower()) for row in rows)
            number = rows[-1].number
        return report, known

    report, known = with_store(config, work)
    findings = [*report.findings, *([] if known else [f"audit: no row ends in {end}: rows were replaced"])]
    if as_json:
        emit_json({"ok": not findings, "rows": report.rows, "head": report.head, "findings": findings})
    else:
        for finding in findings:
            say(f"problem: {finding}")
        say(f"{'whole' if not findings else 'NOT WHOLE'}: {report.rows} rows, the end is {report.head}")
    sys.exit(0 if not findings else 1)


@audit.command(epilog="\b\nExample:\n  headend audit export audit.jsonl")
@click.argument("file", type=click.Path(dir_okay=False))
@config_option
@json_option
def export(file: str, config: str | None, as_json: bool) -> None:
    """Write every row to a new file, one JSON object a line, with what is needed to verify it elsewhere."""
    from pathlib import Path
    from typing import BinaryIO

    import msgspec

    from headend.cli.running import with_store
    from headend.errors import HeadendError
    from headend.storage.store import Store

    async def work(store: Store, out: BinaryIO) -> int:
        number = 0
        while rows := await store.audit.rows(number, 5000):
            out.writelines(msgspec.json.encode(plain(row)) + b"\n" for row in rows)
            number = rows[-1].number
        return number

    try:
        with Path(file).open("xb") as out:
            count = with_store(config, lambda store: work(store, out))
    except OSError as error:
        raise HeadendError(f"{file}: {error.strerror}; name a file that is not there yet") from error
    emit_json({"file": file, "rows": count}) if as_json else say(f"{file}: {count} rows")
