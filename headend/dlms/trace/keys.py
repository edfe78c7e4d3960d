"""Keys given to a trace, and what the trace itself learns: system titles from AARQ and AARE, dedicated keys."""

from collections.abc import Iterator

from attrs import define, field, frozen

from headend.dlms.security import KeyContext

#: Titles and dedicated keys a trace remembers; a capture of a hostile peer must not grow without end.
_MOST_REMEMBERED = 64


@frozen
class TraceKey:
    """One `[[keys]]` entry: encryption key, authentication key if known, system title of the sender if pinned."""

    context: KeyContext
    title: bytes | None = None


@define
class KeyRing:
    """Candidates for an APDU that doesn't say under which key it is."""

    given: tuple[TraceKey, ...] = ()
    titles: list[bytes] = field(factory=list)
    dedicated: list[bytes] = field(factory=list, repr=False)

    def learn_title(self, title: bytes | None) -> None:
        """Remember a system title seen in an AARQ, an AARE or a general-glo APDU."""
        if title is not None and len(title) == 8 and title not in self.titles:
            self.titles = [*self.titles, title][-_MOST_REMEMBERED:]

    def learn_dedicated(self, key: bytes | None) -> None:
        """Remember the dedicated key of an InitiateRequest."""
        if key is not None and len(key) in (16, 32) and key not in self.dedicated:
            self.dedicated = [*self.dedicated, key][-_MOST_REMEMBERED:]

    def candidates(self, title: bytes | None, *, dedicated: bool) -> Iterator[tuple[KeyContext, bytes]]:
        """Each key with each system title it may go with, the likeliest first; `title` is what the APDU itself says."""
        for key in self._dedicated_first() if dedicated else self.given:
            for sender in self._titles(key, title):
                yield key.context, sender

    def _dedicated_first(self) -> Iterator[TraceKey]:
        for octets in reversed(self.dedicated):
            for key in self.given:
                yield TraceKey(KeyContext(octets, key.context.authentication_key), None)
        yield from self.given

    def _titles(self, key: TraceKey, title: bytes | None) -> list[bytes]:
        if title is not None:
            return [title] if key.title in (None, title) else []
        if key.title is not None:
            return [key.title]
        pinned = [other.title for other in self.given if other.title is not None]
        return list(dict.fromkeys([*reversed(self.titles), *pinned]))
