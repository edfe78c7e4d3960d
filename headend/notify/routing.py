"""Which ways a notice goes out: for each channel that takes its kind, one in each language that is asked for."""

from collections.abc import Iterable

from attrs import frozen

from headend.notify.model import ChannelKind, NoticeKind, Route


@frozen
class Outlet:
    """What routing needs to know of a channel; no `kinds` means all of them."""

    name: str
    kind: ChannelKind
    kinds: frozenset[NoticeKind] = frozenset()
    all_languages: bool = False

    def takes(self, kind: NoticeKind) -> bool:
        """Whether notices of a kind go out here."""
        return not self.kinds or kind in self.kinds


@frozen
class Routing:
    """The channels of the house; none: notices are written and published, and go out by no channel."""

    outlets: tuple[Outlet, ...] = ()

    def routes(self, kind: NoticeKind, language: str, languages: Iterable[str]) -> tuple[Route, ...]:
        """The routes of a notice that has texts in `languages`, for a consumer who reads `language`."""
        written = tuple(languages)
        own = (language,) if language in written else written[:1]
        return tuple(
            Route(outlet.name, outlet.kind, each)
            for outlet in self.outlets
            if outlet.takes(kind)
            # An online message is shown in the language that the reader picks, so it is one whatever the language.
            for each in (own if outlet.kind is ChannelKind.INBOX or not outlet.all_languages else written)
        )

    def elsewhere(self, kind: NoticeKind, language: str, address: str) -> tuple[Route, ...]:
        """The routes of a text message that goes to another number than the consumer's present one."""
        return tuple(
            Route(outlet.name, outlet.kind, language, address)
            for outlet in self.outlets
            if outlet.kind is ChannelKind.SMS and outlet.takes(kind)
        )
