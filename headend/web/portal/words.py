"""What the portal says, in Hindi and English: every sentence stands in `texts/`, none in a page."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from attrs import frozen

#: The first is what somebody sees who has not chosen.
LANGUAGES: Final = ("hi", "en")
_DIGITS: Final = str.maketrans("०१२३४५६७८९", "0123456789")


@frozen
class Words:
    """The sentences of one language by `section.name`; calling it fills in the fields."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, name: str, /, **fields: object) -> str:
        """The sentence; KeyError for one that is not there, which the tests find."""
        return self.texts[name].format(**fields) if fields else self.texts[name]

    def maybe(self, name: str, otherwise: str) -> str:
        """The sentence, or something else where there is none for a code of the program."""
        return self.texts.get(name, otherwise)


def digits(text: str) -> str:
    """What somebody wrote, with the digits of Devanagari as those that numbers and amounts are read from."""
    return text.translate(_DIGITS)


@cache
def words(language: str) -> Words:
    """The sentences of a language, one of LANGUAGES."""
    text = resources.files("headend.web.portal").joinpath("texts", f"{language}.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    return Words(
        language, {f"{section}.{name}": said for section, names in document.items() for name, said in names.items()}
    )
