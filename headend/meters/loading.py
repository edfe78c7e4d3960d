"""A meter model from its TOML text, each error with file, key and reason."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
import msgspec

from headend.dlms.cosem import Obis
from headend.dlms.errors import ProtocolError
from headend.meters.errors import ModelError
from headend.meters.model import Authentication, Ciphering, MeterModel, Object, Protection, Role

_TABLES: dict[str, type] = {"roles": Role, "objects": Object, "events": str}


def load_model(source: str | Path, origin: str | None = None) -> MeterModel:
    """The model in a TOML text, or in the file at a Path; `origin` names a text in errors. ModelError otherwise."""
    if isinstance(source, Path):
        origin = origin or str(source)
        try:
            source = source.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{origin}: can't be read: {error}") from error
    origin = origin or "meter model"
    try:
        stated = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{origin}: no valid TOML: {error}") from error
    # Unknown keys first: a misspelt one says more than the field that is missing because of it.
    _refuse(origin, _unknown_keys(stated, MeterModel, ""))
    try:
        model = msgspec.convert(stated, MeterModel, dec_hook=_decode, str_keys=True)
    except msgspec.ValidationError as error:
        raise ModelError(f"{origin}: {_located(str(error), stated)}") from error
    _refuse(origin, _contradictions(model))
    return model


def _refuse(origin: str, faults: Iterator[tuple[str, str]]) -> None:
    for key, reason in faults:
        raise ModelError(f"{origin}: {key}: {reason}")


def _decode(wanted: type, value: Any) -> Any:  # noqa: ANN401 - what msgspec hands over
    if wanted is Obis and isinstance(value, str):
        try:
            return Obis(value)
        except ProtocolError as error:
            raise ValueError(str(error)) from error
    raise ValueError(f"{value!r} is no {wanted.__name__}")


def _located(message: str, stated: dict[str, Any]) -> str:
    reason, _, path = message.replace("`key` in ", "").partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    table, inside, rest = key.partition("[...]")
    if inside and table in _TABLES:
        key = f"{table}.{_culprit(stated[table], _TABLES[table])}{rest}"
    return f"{key}: {reason}" if key else reason


def _culprit(entries: dict[str, Any], wanted: type) -> str:
    """Which entry of a table is at fault: msgspec does not name the keys of a dict."""
    for key, entry in entries.items():
        try:
            msgspec.convert({key: entry}, dict[str, wanted], dec_hook=_decode)  # type: ignore[valid-type]
        except msgspec.ValidationError:
            return key
    return "…"


def _unknown_keys(stated: Any, wanted: Any, at: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - TOML and its types
    """Keys that no field takes: a misspelt name would otherwise leave a default in force."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        for argument in arguments:
            yield from _unknown_keys(stated, argument, at)
    elif origin is tuple and isinstance(stated, list):
        for index, item in enumerate(stated):
            yield from _unknown_keys(item, arguments[0], f"{at}[{index}]")
    elif origin is dict and isinstance(stated, dict):
        for key, item in stated.items():
            yield from _unknown_keys(item, arguments[1], f"{at}.{key}")
    elif isinstance(wanted, type) and attrs.has(wanted) and isinstance(stated, dict):
        known = {attribute.name: attribute.type for attribute in attrs.fields(wanted)}
        for key, item in stated.items():
            place = f"{at}.{key}".lstrip(".")
            if key not in known:
                yield place, f"unknown key; known are {', '.join(sorted(known))}"
            else:
                yield from _unknown_keys(item, known[key], place)


def _contradictions(model: MeterModel) -> Iterator[tuple[str, str]]:
    yield from _repeated("registers", [register.name for register in model.registers])
    yield from _repeated("profiles", [profile.name for profile in model.profiles])
    yield from _repeated("pushes", [push.name for push in model.pushes])
    for profile in (*model.profiles, *model.pushes):
        yield from _repeated(f"profiles.{profile.name}.columns", [column.name for column in profile.columns])
    for name, role in model.roles.items():
        if role.protection is not Protection.NONE and role.ciphering is Ciphering.NONE:
            yield f"roles.{name}.ciphering", f"{role.protection} APDUs need an envelope"
        if role.authentication is Authentication.HLS_GMAC and role.counter is None:
            yield f"roles.{name}.counter", "hls-gmac needs the object that holds the meter's invocation counter"
        if role.suite not in (0, 1, 2):
            yield f"roles.{name}.suite", f"no security suite {role.suite} exists"
    for register in model.registers:
        if register.scaler == "money" and model.prepaid is None:
            yield f"registers.{register.name}.scaler", "money needs the table [prepaid] with its key money"
    if model.prepaid and model.register(model.prepaid.balance) is None:
        yield "prepaid.balance", f"no register has the name {model.prepaid.balance!r}"
    yield from _topup_contradictions(model)


def _topup_contradictions(model: MeterModel) -> Iterator[tuple[str, str]]:
    if model.prepaid:
        topup = model.prepaid.topup
        if topup.by in ("credit", "credit-value") and topup.credit is None:
            yield "prepaid.topup.credit", f"{topup.by} needs the OBIS code of the credit object (IC 112)"
        if topup.by == "token" and topup.gateway is None:
            yield "prepaid.topup.gateway", "token needs the OBIS code of the token gateway (IC 115)"


def _repeated(where: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield where, f"the name {name!r} is used twice"
