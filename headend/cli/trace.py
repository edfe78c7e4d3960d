"""`headend trace`: what octets say, from hexadecimal text, files of lines, raw files and packet captures."""

import re
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from headend.cli.output import emit_json, json_option, say
from headend.cli.pcap import is_capture
from headend.dlms import trace as tracing
from headend.dlms.errors import DecodeError
from headend.dlms.trace import Form, Tracer

#: A file of more octets is no recording of DLMS that one wants to read as a tree.
_LARGEST_FILE = 1 << 28
_LARGEST_SHOWN = 24
#: No line of text has these, while lengths and tags of DLMS mostly are.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
#: Columns where nobody looks on: lines stay whole for other programs.
_UNBROKEN = 1000


@frozen
class Input:
    """Octets to trace, where they come from, and what is known about the way they took."""

    name: str
    octets: bytes
    form: Form
    about: dict[str, Any]


@click.command(
    name="trace",
    epilog="\b\nExamples:\n  headend trace c001c100080000010000ff0200\n"
    "  headend trace capture.pcapng --keys keys.toml --json",
)
@click.argument("source", metavar="HEX|FILE")
@click.option(
    "--form",
    type=click.Choice([form.value for form in Form]),
    default=Form.AUTO.value,
    show_default=True,
    help="What the octets are.",
)
@click.option("--keys", "keys_file", type=click.Path(exists=True, dir_okay=False), help="TOML file with [[keys]].")
@click.option("--strict/--tolerant", default=True, show_default=True, help="Refuse, or accept, what meters send wrong.")
@json_option
def trace(source: str, form: str, keys_file: str | None, strict: bool, as_json: bool) -> None:
    """Decode frames, wrapper PDUs, APDUs or bare data; decipher with the keys of FILE.toml.

    SOURCE is hexadecimal text (spaces allowed), a file with one such text a line, a file of raw octets, a packet
    capture (pcap, pcapng), or - for lines on standard input. The keys file has [[keys]] tables with `ek` and, where
    known, `ak` and `title` (the sender's system title), all hexadecimal; with `kek` the keys that come wrapped in
    general-ciphering are unwrapped. A value that came in several blocks is shown, joined, with its last one.
    """
    from headend.cli.trace_keys import load_keys
    from headend.dlms.trace import KeyRing

    tracer = Tracer(strict=strict, keys=KeyRing(load_keys(Path(keys_file)) if keys_file else ()))
    failed = False
    inputs = 0
    try:
        for item in _inputs(source, Form(form)):
            failed |= _trace_one(item, tracer, as_json=as_json)
            inputs += 1
    except DecodeError as error:
        failed |= _refuse(Input(Path(source).name, b"", Form.AUTO, {}), error, as_json=as_json)
        inputs += 1
    if not inputs:
        say(f"error: {_cut(source)}: nothing to decode in it")
    sys.exit(1 if failed or not inputs else 0)


def _refuse(item: Input, error: DecodeError, *, as_json: bool) -> bool:
    return _show(item, {"fault": {"reason": error.reason, "offset": error.offset}}, as_json=as_json)


def _trace_one(item: Input, tracer: Tracer, *, as_json: bool) -> bool:
    """Print what one input says; whether something in it was wrong."""
    tracer.joiner.conversation = frozenset((item.about.get("from"), item.about.get("to")))
    try:
        described = tracing.trace(item.octets, item.form, tracer)
    except DecodeError as error:
        return _refuse(item, error, as_json=as_json)
    failed = False
    for fields in described:
        failed |= _show(item, fields, as_json=as_json)
    return failed


def _show(item: Input, fields: dict[str, Any], *, as_json: bool) -> bool:
    if as_json:
        emit_json(item.about | fields)
    else:
        _print_tree(item.name, item.about | fields)
    return _complain(item.name, fields)


def _complain(name: str, fields: dict[str, Any]) -> bool:
    fault = fields.get("fault")
    if fault is None:
        return False
    where = "" if fault["offset"] is None else f" at offset {fault['offset']}"
    say(f"error: {name}: {fault['reason']}{where}")
    return True


def _print_tree(name: str, fields: dict[str, Any]) -> None:
    from rich.console import Console

    from headend.cli.trace_tree import build_tree

    console = Console()
    console.print(build_tree(name, fields), width=None if console.is_terminal else _UNBROKEN)


def _inputs(source: str, form: Form) -> Iterator[Input]:
    if source == "-":
        yield from _lines(sys.stdin.read(), "line", form)
        return
    octets = hexadecimal(source)
    path = Path(source)
    if octets is not None and not (len(source) < 256 and path.is_file()):
        yield Input("input", octets, form, {})
        return
    try:
        known = path.is_file()
    except OSError:
        known = False
    if not known:
        raise click.UsageError(f"{_cut(source)} is neither hexadecimal text nor a file")
    yield from _file(path, form)


def _file(path: Path, form: Form) -> Iterator[Input]:
    if path.stat().st_size > _LARGEST_FILE:
        raise click.UsageError(f"{path} is larger than {_LARGEST_FILE} octets")
    octets = path.read_bytes()
    if is_capture(octets):
        from headend.cli.trace_capture import capture_inputs

        yield from capture_inputs(octets, form)
        return
    text = _text(octets)
    if text is None:
        yield Input(path.name, octets, form, {})
        return
    yield from _lines(text, f"{path.name} line", form)


def _text(octets: bytes) -> str | None:
    """Text with remarks in any language and the marks of editors; None for raw octets, though they look like ASCII."""
    try:
        text = octets.decode("utf-16" if octets.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _lines(text: str, name: str, form: Form) -> Iterator[Input]:
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        octets = hexadecimal(content)
        if octets is None:
            raise click.UsageError(f"{name} {number} is no hexadecimal text: {_cut(content)}")
        yield Input(f"{name} {number}", octets, form, {})


def hexadecimal(text: str) -> bytes | None:
    """The octets of a text of digit pairs, with or without spaces, colons or dashes; None for anything else."""
    digits = "".join(text.split()).replace(":", "").replace("-", "").removeprefix("0x").removeprefix("0X")
    try:
        return bytes.fromhex(digits) if digits else None
    except ValueError:
        return None


def _cut(text: str) -> str:
    return repr(text if len(text) <= _LARGEST_SHOWN else f"{text[:_LARGEST_SHOWN]}…")
