"""What to call an object: as the models that are known call it, else by a readable name made of its OBIS code."""

import re
from collections.abc import Iterator, Sequence

from attrs import frozen

from headend.dlms.cosem import CaptureObject, Obis
from headend.dlms.cosem.obis_names import obis_name, obis_slug
from headend.meters.model import MeterModel, Profile, ProfileColumn, Register

_VALUE = 2
_NO_LETTERS = re.compile(r"[^a-z0-9]+")
#: Attributes other than the value that are captured or read: the time of a maximum or of a demand.
_SUFFIXES = {5: "time"}


@frozen(eq=False)
class Vocabulary:
    """Looks objects up in `models`; the first that knows one decides."""

    models: tuple[MeterModel, ...]

    def register(self, obis: Obis, attribute: int = _VALUE) -> Register | None:
        """The register that this attribute is."""
        found = (register for model in self.models for register in model.registers)
        return next((each for each in found if (each.obis, each.attribute) == (obis, attribute)), None)

    def profile(self, obis: Obis) -> Profile | None:
        """The profile of that code."""
        return next((each for model in self.models for each in model.profiles if each.obis == obis), None)

    def push(self, obis: Obis) -> Profile | None:
        """The push setup of that code."""
        return next((each for model in self.models for each in model.pushes if each.obis == obis), None)

    def column(self, within: Profile | None, captured: CaptureObject) -> ProfileColumn | None:
        """The column that is captured: of the profile itself, else of any profile or register with that attribute."""
        known = None if within is None else within.column(captured)
        return known or next((each for each in self._columns() if _is(each, captured)), None)

    def name(self, obis: Obis, attribute: int = _VALUE) -> str:
        """The name of a register or column."""
        known = self.register(obis, attribute) or self.column(None, CaptureObject(0, obis, attribute))
        return readable_name(obis, attribute) if known is None else known.name

    def object_name(self, obis: Obis, class_id: int) -> str:
        """The name in a model's table of further objects."""
        for model in self.models:
            for name, each in model.objects.items():
                if (each.obis, each.class_id) == (obis, class_id):
                    return name
        return readable_name(obis)

    def _columns(self) -> Iterator[ProfileColumn]:
        for model in self.models:
            for profile in (*model.profiles, *model.pushes):
                yield from profile.columns
            for register in model.registers:
                scaler = register.scaler if isinstance(register.scaler, int) else None
                yield ProfileColumn(
                    register.name,
                    register.obis,
                    register.class_id,
                    register.attribute,
                    register.unit,
                    scaler,
                    register.kind,
                )


class Names:
    """Gives each name once: the second of the same name is `name_2`."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken = set(taken)

    def unique(self, name: str) -> str:
        """`name`, or the first of `name_2`, `name_3`, … that is free."""
        number, free = 2, name
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        return free


def readable_name(obis: Obis, attribute: int = _VALUE) -> str:
    """`active_energy_import_tariff_1`, `voltage_l2_instantaneous`; the code itself where it means nothing to us."""
    text = obis_name(obis)
    if not text:
        return obis_slug(obis, attribute)
    spelt = " ".join(word.replace("+", " import") if "+" in word else _export(word) for word in text.split())
    name = _NO_LETTERS.sub("_", spelt.lower()).strip("_")
    if attribute == _VALUE:
        return name
    return f"{name}_{_SUFFIXES.get(attribute, f'attribute_{attribute}')}"


def _export(word: str) -> str:
    return f"{word[:-1]} export" if word.endswith("-") else word


def _is(column: ProfileColumn, captured: CaptureObject) -> bool:
    return (column.obis, column.attribute) == (captured.instance, captured.attribute)
