"""Keys given to a trace, and what the trace itself learns: system titles from AARQ and AARE, dedicated keys."""

from collections.abc import Iterator
from contextlib import suppress

from attrs import define, field, frozen

from headend.dlms.errors import SecurityError
from headend.dlms.security import KeyContext, unwrap_key

#: Titles and dedicated keys a trace remembers; a capture of a hostile peer must not grow without end.
_MOST_REMEMBERED = 64


@frozen
class TraceKey:
    """One `[[keys]]` entry: encryption key, authentication key if known, system title of the sender if pinned.

    `master_key` is the KEK under which a key of general-ciphering may come wrapped; without another key `context` is
    None, and `authentication_key` goes with what is unwrapped.
    """

    context: KeyContext | None
    title: bytes | None = None
    master_key: bytes | None = field(default=None, repr=False)
    authentication_key: bytes = field(default=b"", repr=False)


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

    @property
    def can_unwrap(self) -> bool:
        """Whether any KEK was given."""
        return any(key.master_key is not None for key in self.given)

    def unwraps(self, wrapped: bytes) -> bool:
        """Whether `wrapped` is a key under any KEK that was given."""
        return any(True for _ in self._unwrapped(wrapped))

    def candidates(
        self, title: bytes | None, *, dedicated: bool, wrapped: bytes | None = None
    ) -> Iterator[tuple[KeyContext, bytes]]:
        """Each key with each system title it may go with, the likeliest first; `title` is what the APDU itself says.

        `wrapped` is a key that came with the APDU, to be unwrapped under the KEKs at hand.
        """
        if wrapped is not None:
            for key in self._unwrapped(wrapped):
                yield from self._with_titles(key, title)
        for key in self._dedicated_first() if dedicated else self.given:
            yield from self._with_titles(key, title)

    def _with_titles(self, key: TraceKey, title: bytes | None) -> Iterator[tuple[KeyContext, bytes]]:
        if key.context is not None:
            for sender in self._titles(key, title):
                yield key.context, sender

    def _unwrapped(self, wrapped: bytes) -> Iterator[TraceKey]:
        for key in self.given:
            if key.master_key is not None:
                with suppress(SecurityError):
                    context = KeyContext(unwrap_key(key.master_key, wrapped), key.authentication_key)
                    # The title of an entry is the sender's; whoever wraps a key may be another.
                    yield TraceKey(context)

    def _dedicated_first(self) -> Iterator[TraceKey]:
        for octets in reversed(self.dedicated):
            for key in self.given:
                if key.context is not None:
                    yield TraceKey(KeyContext(octets, key.context.authentication_key), None)
        yield from self.given

    def _titles(self, key: TraceKey, title: bytes | None) -> list[bytes]:
        if title is not None:
            return [title] if key.title in (None, title) else []
        if key.title is not None:
            return [key.title]
        pinned = [other.title for other in self.given if other.title is not None]
        return list(dict.fromkeys([*reversed(self.titles), *pinned]))
