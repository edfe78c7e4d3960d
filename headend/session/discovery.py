"""A meter model from the meter itself: what it lists, captures and scales, under the names that we know.

How to associate is not to be found out from a list: roles are those of the model by which the meter was visited.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from headend.dlms.axdr import Data, Tag, plain
from headend.dlms.cosem import CaptureObject, CosemAttribute, Obis, ScalerUnit
from headend.dlms.cosem.push import PushObject
from headend.dlms.errors import DecodeError
from headend.meters.model import Clock, MeterModel, Object, Profile, ProfileColumn, Register
from headend.meters.profiles import scalers_of
from headend.session.foundregisters import Scalers, found_registers, kind_of
from headend.session.objectlist import Found, Values, read_each, read_object_list
from headend.session.registers import scaler_of
from headend.session.session import Session
from headend.session.vocabulary import Names, Vocabulary

DATA, REGISTER, EXTENDED, DEMAND, PROFILE, CLOCK, PUSH, DISCONNECT = 1, 3, 4, 5, 7, 8, 40, 70
#: Attributes that tell what an object is: values, scalers, capture objects and period, the objects of a push.
_TELLING: Final[Mapping[int, tuple[int, ...]]] = {
    DATA: (2,),
    REGISTER: (2, 3),
    EXTENDED: (2, 3),
    DEMAND: (2, 4),
    PROFILE: (3, 4),
    PUSH: (2,),
}
#: Where a register keeps scaler and unit.
_SCALERS: Final = {REGISTER: 3, EXTENDED: 3, DEMAND: 4}
_BUFFER, _CAPTURED, _PERIOD, _PUSHED = 2, 3, 4, 2
#: The association's own objects, which the roles name: associations, security setups, invocation counters.
_OF_ROLES: Final = frozenset((15, 64))

ScalerRows = Mapping[Obis, Mapping[CaptureObject, ScalerUnit]]


@frozen
class Discovery:
    """A model that `meters/` accepts, and the objects that the meter lists and does not let this role read."""

    model: MeterModel
    refused: tuple[Obis, ...]


async def discover(session: Session, known: Sequence[MeterModel], name: str) -> Discovery:
    """What the meter of an open session is, as a model called `name`; `known` models lend their names for objects.

    The model of the session goes first among them. AccessDenied or BadValue where there is no object list to be had.
    """
    vocabulary = Vocabulary((session.model, *(model for model in known if model is not session.model)))
    objects = await read_object_list(session, session.model.roles[session.role].association)
    wanted = [
        each.attribute(number)
        for each in objects
        for number in _TELLING.get(each.class_id, ())
        if each.may_read(number)
    ]
    values = await read_each(session, wanted)
    captured = dict(_captured(objects, values))
    scaling = {obis for obis, entries in captured.items() if _holds_scalers(entries)}
    buffers = await read_each(session, [CosemAttribute(PROFILE, obis, _BUFFER) for obis in sorted(scaling)])
    rows = {
        key.instance: scalers_of(captured[key.instance], row)
        for key, value in buffers.items()
        if (row := _first_row(value)) is not None
    }
    firmware = await session.firmware()
    building = _Building(vocabulary, objects, values, captured, rows, _told(objects, values, rows))
    model = evolve(
        building.model(session.model, name),
        description=f"Found at meter {session.serial} as {session.role}{f', firmware {firmware}' if firmware else ''}",
    )
    return Discovery(model, tuple(building.refused()))


@frozen
class _Building:
    """Everything that was read; `scaler_rows` what each scaler profile tells."""

    vocabulary: Vocabulary
    objects: tuple[Found, ...]
    values: Values
    captured: Mapping[Obis, tuple[CaptureObject, ...]]
    scaler_rows: ScalerRows
    scalers: Scalers

    def model(self, base: MeterModel, name: str) -> MeterModel:
        """The model, without a description."""
        counters = [role.counter for role in base.roles.values() if role.counter is not None]
        read = [each for each in self.objects if each.obis not in (base.identity.obis, *counters)]
        registers = found_registers(read, self.values, self.scalers, self.vocabulary)
        profiles = tuple(self._profiles())
        prepaid = next((each.prepaid for each in self.vocabulary.models if each.prepaid), None)
        has_account = prepaid is not None and prepaid.balance in {register.name for register in registers}
        relay = self._first(DISCONNECT, base.relay)
        clock = self._first(CLOCK, Object(base.clock.obis, base.clock.class_id))
        with_events = any(profile.name.startswith("events_") for profile in profiles)
        return MeterModel(
            name=name,
            roles=base.roles,
            identity=base.identity,
            server_sap=base.server_sap,
            clock=base.clock if clock is None else Clock(clock.obis, sign=base.clock.sign),
            relay=relay,
            prepaid=prepaid if has_account else None,
            registers=registers if has_account else tuple(map(_without_account, registers)),
            profiles=profiles,
            pushes=tuple(self._pushes()),
            objects=dict(self._others()),
            events=next((each.events for each in self.vocabulary.models if each.events), {}) if with_events else {},
        )

    def refused(self) -> Iterator[Obis]:
        """The objects of a kind that we read, of which nothing could be read."""
        for each in self.objects:
            telling = _TELLING.get(each.class_id)
            if telling is not None and not any(each.attribute(number) in self.values for number in telling):
                yield each.obis

    def _first(self, class_id: int, expected: Object | None) -> Object | None:
        """The expected object if the meter has it, else its first of that class."""
        there = [each.obis for each in self.objects if each.class_id == class_id]
        if expected is not None and expected.obis in there:
            return expected
        return Object(there[0], class_id) if there else None

    def _profiles(self) -> Iterator[Profile]:
        names = Names()
        for obis, entries in self.captured.items():
            if obis in self.scaler_rows or _holds_scalers(entries):
                continue
            known = self.vocabulary.profile(obis)
            period = self.values.get(CosemAttribute(PROFILE, obis, _PERIOD))
            seconds = period.value if period is not None and isinstance(period.value, int) else 0
            yield Profile(
                name=names.unique(known.name if known else self.vocabulary.object_name(obis, PROFILE)),
                obis=obis,
                scalers=self._scalers_for(known, entries),
                capture_period=seconds or None,
                columns=self._columns(known, entries),
            )

    def _scalers_for(self, known: Profile | None, entries: Sequence[CaptureObject]) -> Obis | None:
        """The scaler profile of a profile: the one that is known for it, else the one that tells the most of it."""
        if known is not None and known.scalers in self.scaler_rows:
            return known.scalers
        wanted = {entry.instance for entry in entries}
        told = {obis: len(wanted & {key.instance for key in row}) for obis, row in self.scaler_rows.items()}
        best = max(told, key=lambda obis: told[obis], default=None)
        return best if best is not None and told[best] else None

    def _pushes(self) -> Iterator[Profile]:
        names = Names()
        for each in self.objects:
            entries = _pushed(self.values.get(each.attribute(_PUSHED))) if each.class_id == PUSH else None
            if not entries:
                continue
            known = self.vocabulary.push(each.obis)
            name = names.unique(known.name if known else self.vocabulary.object_name(each.obis, PUSH))
            yield Profile(name, each.obis, PUSH, columns=self._columns(known, entries))

    def _columns(self, known: Profile | None, entries: Iterable[CaptureObject]) -> tuple[ProfileColumn, ...]:
        names = Names()
        return tuple(self._column(known, entry, names) for entry in entries)

    def _column(self, known: Profile | None, entry: CaptureObject, names: Names) -> ProfileColumn:
        expected = self.vocabulary.column(known, entry)
        value = self.values.get(entry.reference) if entry.class_id == DATA else None
        told = self.scalers.of(entry.instance) if entry.attribute == _BUFFER else None
        counts = told is None and entry.class_id == DATA and value is not None and isinstance(value.value, int)
        scaler = None if expected is None else expected.scaler
        return ProfileColumn(
            name=names.unique(expected.name if expected else self.vocabulary.name(entry.instance, entry.attribute)),
            obis=entry.instance,
            class_id=entry.class_id,
            attribute=entry.attribute,
            unit=told.unit_name if told else expected.unit if expected else "",
            scaler=0 if scaler is None and counts else scaler,
            kind=expected.kind if expected else kind_of(entry, value),
        )

    def _others(self) -> Iterator[tuple[str, Object]]:
        """Objects of other classes, by name; those that the roles name are theirs."""
        names = Names()
        for each in self.objects:
            if each.class_id not in (*_TELLING, *_OF_ROLES, CLOCK, DISCONNECT) or self._is_unsorted(each):
                name = names.unique(self.vocabulary.object_name(each.obis, each.class_id))
                yield name, Object(each.obis, each.class_id)

    def _is_unsorted(self, each: Found) -> bool:
        """Whether an object holds what is no register: a table, a push setup."""
        value = self.values.get(each.attribute(2))
        table = value is not None and value.tag in (Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY)
        return each.class_id == PUSH or (each.class_id == DATA and table)


def _without_account(register: Register) -> Register:
    """An amount at a meter that keeps no account is a bare number."""
    return evolve(register, scaler=0) if register.scaler == "money" else register


def _captured(objects: Iterable[Found], values: Values) -> Iterator[tuple[Obis, tuple[CaptureObject, ...]]]:
    for each in objects:
        listed = values.get(each.attribute(_CAPTURED)) if each.class_id == PROFILE else None
        if listed is None or listed.tag is not Tag.ARRAY:
            continue
        try:
            yield each.obis, tuple(map(CaptureObject.from_data, listed.value))
        except DecodeError:
            continue


def _told(objects: Iterable[Found], values: Values, rows: ScalerRows) -> Scalers:
    own = {}
    for each in objects:
        value = values.get(each.attribute(_SCALERS.get(each.class_id, 0)))
        scaler = None if value is None else scaler_of(value)
        if scaler is not None:
            own[each.obis] = scaler
    return Scalers(own, {key.instance: scaler for row in rows.values() for key, scaler in row.items()})


def _pushed(listed: Data | None) -> tuple[CaptureObject, ...]:
    if listed is None or listed.tag is not Tag.ARRAY:
        return ()
    try:
        entries = [PushObject.from_data(item) for item in listed.value]
    except DecodeError:
        return ()
    return tuple(CaptureObject(each.class_id, each.instance, each.attribute, each.data_index) for each in entries)


def _holds_scalers(entries: Sequence[CaptureObject]) -> bool:
    """Whether a profile captures scalers and units and nothing else."""
    return bool(entries) and all(_SCALERS.get(entry.class_id) == entry.attribute for entry in entries)


def _first_row(buffer: Data) -> Sequence[object] | None:
    rows = plain(buffer)
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], list) else None
