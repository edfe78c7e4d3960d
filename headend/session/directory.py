"""Which meter of the inventory somebody claims to be, by logical device name or system title."""

from collections.abc import Iterable

from attrs import frozen

from headend.errors import HeadendError
from headend.meters.inventory import Meter


class Unknown(HeadendError):  # noqa: N818  the name says what happened
    """Nobody of the inventory is meant, or two different meters are."""


@frozen
class Claim:
    """What somebody says of himself; nothing of it is proven before the meter's own keys are used."""

    name: str | None = None
    system_title: bytes | None = None

    def __str__(self) -> str:
        title = None if self.system_title is None else self.system_title.hex()
        said = [part for part in (self.name, title) if part]
        return " / ".join(said) or "nobody"


class Directory:
    """The inventory by what meters present themselves as."""

    def __init__(self, meters: Iterable[Meter] = ()) -> None:
        self._by_name: dict[str, Meter] = {}
        self._by_title: dict[bytes, Meter] = {}
        for meter in meters:
            self._by_name[meter.logical_device_name] = meter
            if meter.system_title is not None:
                self._by_title[meter.system_title] = meter

    def __len__(self) -> int:
        return len(self._by_name)

    def titled(self, system_title: bytes) -> Meter | None:
        """The meter with that system title pinned."""
        return self._by_title.get(system_title)

    def named(self, name: str) -> Meter | None:
        """The meter with that logical device name."""
        return self._by_name.get(name)

    def find(self, claim: Claim) -> Meter:
        """The meter that is claimed; Unknown for none, and for a name and a title that are not of one meter."""
        named = None if claim.name is None else self._by_name.get(claim.name)
        titled = None if claim.system_title is None else self._by_title.get(claim.system_title)
        meter = named or titled
        if meter is None:
            raise Unknown(f"no meter of the inventory is {claim}")
        if titled is not None and named is not None and titled.serial != named.serial:
            raise Unknown(f"{claim} are two meters: {named.serial} and {titled.serial}")
        if claim.name is not None and named is None:
            raise Unknown(f"meter {meter.serial} has another logical device name than {claim.name!r}")
        if claim.system_title is not None and meter.system_title not in (None, claim.system_title):
            raise Unknown(f"meter {meter.serial} has another system title than {claim.system_title.hex()}")
        return meter
