"""A trace as a tree: names beside OBIS codes, units and codes, texts and times beside their octets."""

from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from headend.dlms.axdr import Tag
from headend.dlms.cosem import UNIT_NAMES, CosemDateTime, Obis
from headend.dlms.cosem.obis_names import obis_name
from headend.dlms.enumerations import (
    ActionResult,
    AssociationResult,
    Authentication,
    DataAccessResult,
    ProviderDiagnostic,
    UserDiagnostic,
)

_CLASS_NAMES: Final = {
    1: "Data",
    3: "Register",
    4: "Extended register",
    5: "Demand register",
    6: "Register activation",
    7: "Profile generic",
    8: "Clock",
    9: "Script table",
    11: "Special days table",
    15: "Association LN",
    17: "SAP assignment",
    18: "Image transfer",
    20: "Activity calendar",
    21: "Register monitor",
    22: "Single action schedule",
    40: "Push setup",
    64: "Security setup",
    70: "Disconnect control",
    71: "Limiter",
    111: "Account",
    112: "Credit",
    113: "Charge",
    115: "Token gateway",
}
_CONTAINERS: Final = ("array", "structure")
#: Octets of a value shown at most in one line.
_LONGEST: Final = 200


@define
class Node:
    """One line of a tree: what it is called, its value, its meaning; `kind`: plain, apdu (a name), data (a type)."""

    name: str
    value: str
    note: str = ""
    kind: str = "plain"
    children: "list[Node]" = field(factory=list)

    def add(self, node: "Node") -> "Node":
        """Hang a line below this one; that line."""
        self.children.append(node)
        return node


def tree_of(fields: dict[str, Any]) -> list[Node]:
    """The lines of one traced message."""
    root = Node("", "")
    _add_fields(root, fields)
    return root.children


def _add_fields(tree: Node, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        _add(tree, name, value, fields)


def _add(tree: Node, name: str, value: Any, around: dict[str, Any]) -> None:  # noqa: ANN401  # whatever a trace holds
    match value:
        case dict() if "apdu" in value and isinstance(value["apdu"], str):
            _add_fields(tree.add(_line(name, value["apdu"], kind="apdu")), _without(value, "apdu"))
        case dict():
            _add_fields(tree.add(_line(name, _summary(name, value))), value)
        case [str() as kind, *_] if _is_data(kind, value):
            _add_data(tree, name, value)
        case [dict(), *_] | [list(), *_]:
            branch = tree.add(_line(name, f"{len(value)}"))
            for number, item in enumerate(value, 1):
                _add(branch, str(number), item, around)
        case list():
            tree.add(_line(name, ", ".join(map(str, value)) or "none"))
        case _:
            tree.add(_line(name, _short(value), _note(name, value, around)))


def _without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def _line(name: str, value: str, note: str = "", kind: str = "plain") -> Node:
    return Node(name.replace("_", " "), value, note, kind)


def _short(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text) // 2} octets)"


def _summary(name: str, fields: dict[str, Any]) -> str:
    if name in ("destination", "source"):
        return "/".join(str(fields[part]) for part in ("upper", "lower") if part in fields)
    return str(fields.get("type", "")) if "control" in fields else ""


def _note(name: str, value: Any, around: dict[str, Any]) -> str:  # noqa: ANN401  # whatever a trace holds
    note = _NOTES.get(name)
    return note(value, around) if note is not None else ""


def _is_data(kind: str, value: list[Any]) -> bool:
    return kind in _DATA_TYPES and len(value) <= 3


def _add_data(tree: Node, name: str, value: list[Any]) -> None:
    kind = value[0]
    if kind == "compact-array":
        branch = tree.add(_line(name, f"{kind} of {len(value[2])}", kind="data"))
        for number, item in enumerate(value[2], 1):
            _add_data(branch, str(number), item)
    elif kind in _CONTAINERS:
        unit = _scaler_unit(value)
        branch = tree.add(_line(name, f"{kind} of {len(value[1])}", unit, "data"))
        if not unit:
            for number, item in enumerate(value[1], 1):
                _add_data(branch, str(number), item)
    else:
        octets = value[1] if len(value) > 1 else ""
        tree.add(_line(name, f"{kind} {_short(octets)}".rstrip(), _meaning(kind, octets)))


def _scaler_unit(value: list[Any]) -> str:
    match value:
        case ["structure", [["integer", int(scaler)], ["enum", int(unit)]]]:
            return f"times 10^{scaler} {UNIT_NAMES.get(unit, '(a bare number)' if unit == 255 else f'unit {unit}')}"
        case _:
            return ""


def _meaning(kind: str, value: Any) -> str:  # noqa: ANN401  # what the type says
    if kind not in ("octet-string", "date-time"):
        return ""
    octets = bytes.fromhex(value)
    moment = _moment(octets) if len(octets) == 12 else ""
    if moment:
        return moment
    if len(octets) == 6 and octets[5] == 255:
        return _obis(Obis(octets))
    if len(octets) > 3 and octets.isascii() and octets.decode("ascii").isprintable():
        return f'"{octets.decode("ascii")}"'
    return ""


def _moment(octets: bytes) -> str:
    moment = CosemDateTime(octets)
    local = moment.local
    if local is None:
        return ""
    deviation = f"deviation {moment.deviation:+d} min" if moment.deviation_specified else "no deviation"
    return f"{local.replace(microsecond=0).isoformat(sep=' ')}, {deviation}, status {moment.status:02x}"


def _obis(obis: Obis) -> str:
    return f"{obis.vector} {obis_name(obis)}".rstrip()


def _instance(value: Any, _: dict[str, Any]) -> str:  # noqa: ANN401
    return obis_name(Obis(value))


def _diagnostic(value: Any, around: dict[str, Any]) -> str:  # noqa: ANN401
    provider = around.get("diagnostic_source") == "acse-service-provider"
    return (ProviderDiagnostic(value) if provider else UserDiagnostic(value)).text


def _result(value: Any, around: dict[str, Any]) -> str:  # noqa: ANN401
    if "application_context" in around:
        return AssociationResult(value).text
    return (ActionResult if "return_parameters" in around else DataAccessResult)(value).text


def _mechanism(value: Any, _: dict[str, Any]) -> str:  # noqa: ANN401
    last = int(value.rsplit(".", 1)[1])
    return Authentication(last).name.replace("_", "-") if last in Authentication._value2member_map_ else ""


def _context(value: Any, _: dict[str, Any]) -> str:  # noqa: ANN401
    names = {"1": "logical names", "2": "short names", "3": "logical names, ciphered", "4": "short names, ciphered"}
    return names.get(value.rsplit(".", 1)[1], "")


def _security_control(value: Any, _: dict[str, Any]) -> str:  # noqa: ANN401
    control = int(value, 16)
    bits = ((0x10, "authenticated"), (0x20, "encrypted"), (0x40, "broadcast key"), (0x80, "compressed"))
    return ", ".join([name for bit, name in bits if control & bit] + [f"suite {control & 0x0F}"])


_DATA_TYPES: Final = frozenset(tag.label for tag in Tag)
_NOTES: Final[dict[str, Callable[[Any, dict[str, Any]], str]]] = {
    "class_id": lambda value, _: _CLASS_NAMES.get(value, ""),
    "instance": _instance,
    "data_access_result": lambda value, _: DataAccessResult(value).text,
    "result": _result,
    "diagnostic": _diagnostic,
    "mechanism_name": _mechanism,
    "application_context": _context,
    "security_control": _security_control,
}
