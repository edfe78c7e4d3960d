"""Notices in words: templates per kind and language, from TOML, checked when they are read."""

import tomllib
import unicodedata
from collections.abc import Mapping
from importlib import resources
from string import Formatter

import msgspec
from attrs import frozen

from headend.errors import HeadendError
from headend.notify.model import NoticeKind
from headend.notify.sms import sms_size

LANGUAGES = ("hi", "en")
#: The fields each kind of notice has; a template may use these and no other.
FIELDS: Mapping[NoticeKind, frozenset[str]] = {
    NoticeKind.LOW_BALANCE: frozenset({"consumer_no", "name", "balance", "level"}),
    NoticeKind.LOW_BALANCE_DAYS: frozenset({"consumer_no", "name", "balance", "days"}),
    NoticeKind.NEGATIVE: frozenset({"consumer_no", "name", "balance", "needed"}),
    NoticeKind.CUT_PLANNED: frozenset({"consumer_no", "name", "balance", "needed", "planned"}),
    NoticeKind.CUT_DONE: frozenset({"consumer_no", "name", "balance", "needed"}),
    NoticeKind.RECHARGED: frozenset({"consumer_no", "name", "balance", "amount", "payment_id"}),
    NoticeKind.RESTORED: frozenset({"consumer_no", "name", "balance"}),
    NoticeKind.PRESS_BUTTON: frozenset({"consumer_no", "name", "balance"}),
    NoticeKind.NUMBER_CHANGED: frozenset({"consumer_no", "name", "number"}),
    NoticeKind.ONE_TIME_PASSWORD: frozenset({"consumer_no", "name", "code", "minutes"}),
    NoticeKind.LOGIN_CODE: frozenset({"consumer_no", "name", "code", "minutes"}),
}
#: Field values as long as they get in practice, to check the length of a finished message when its template is read.
_LONGEST: Mapping[str, str] = {
    "consumer_no": "00000000000",
    "name": "N" * 30,
    "balance": "-₹12,34,567.00",
    "level": "₹12,345.00",
    "needed": "₹12,34,567.00",
    "amount": "₹12,34,567.00",
    "planned": "31-12-2026 10:00",
    "payment_id": "P" * 24,
    "days": "30",
    "number": "XXXXXX0000",
    "code": "000000",
    "minutes": "15",
}
#: A value is cut here, so that a name from an import can't make a message endless.
_LONGEST_VALUE = 64


class MessageFileError(HeadendError):
    """A message file that can't be used; the text names the file, the key and the way out."""

    exit_code = 2


@frozen
class Templates:
    """The templates of one language; `currency` stands for the rupee sign, which the 7-bit alphabet lacks.

    `subject` stands above a message that goes out as e-mail.
    """

    language: str
    currency: str
    texts: Mapping[NoticeKind, str]
    subject: str = ""

    def render(self, kind: NoticeKind, fields: Mapping[str, str]) -> str:
        """The finished text; MessageFileError if a field that the template uses is missing."""
        values = {name: _harmless(value).replace("₹", self.currency) for name, value in fields.items()}
        try:
            return self.texts[kind].format_map(values)
        except KeyError as error:
            raise MessageFileError(f"messages/{self.language}.toml: {kind}: no value for {error}") from error


@frozen
class Texts:
    """The templates of all languages."""

    templates: Mapping[str, Templates]

    def render(self, kind: NoticeKind, fields: Mapping[str, str]) -> dict[str, str]:
        """The finished text in each language."""
        return {language: each.render(kind, fields) for language, each in self.templates.items()}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    messages: dict[str, str]
    currency: str = "₹"
    max_parts: int = 3
    subject: str = ""


def parse_templates(text: str, language: str, source: str, shipped: Templates | None = None) -> Templates:
    """The templates of a language from TOML text; `source` is the file's name for errors. Raises MessageFileError.

    A message that the text lacks is taken from `shipped`: a file written for an earlier version goes on working.
    """
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MessageFileError(f"{source}: {error}") from error
    unknown = file.messages.keys() - {kind.value for kind in NoticeKind}
    if unknown:
        raise MessageFileError(f"{source}: messages.{min(unknown)} is no kind of notice")
    templates = Templates(
        language, file.currency, {kind: _checked(file, kind, source, shipped) for kind in NoticeKind}, file.subject
    )
    for kind in NoticeKind:
        size = sms_size(templates.render(kind, {name: _LONGEST[name] for name in FIELDS[kind]}))
        if size.parts > file.max_parts:
            takes = f"{size.parts} text messages ({size.units} characters)"
            raise MessageFileError(f"{source}: messages.{kind} takes {takes}, more than max_parts = {file.max_parts}")
    return templates


def default_texts() -> Texts:
    """The messages that ship with the package, in Hindi and English."""
    folder = resources.files("headend.notify").joinpath("messages")
    names = {language: f"{language}.toml" for language in LANGUAGES}
    return Texts(
        {
            language: parse_templates(folder.joinpath(name).read_text(encoding="utf-8"), language, name)
            for language, name in names.items()
        }
    )


def _checked(file: _File, kind: NoticeKind, source: str, shipped: Templates | None) -> str:
    template = file.messages.get(kind.value)
    if template is None and shipped is not None:
        return shipped.texts[kind]
    if template is None:
        raise MessageFileError(f"{source}: messages.{kind} is missing")
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise MessageFileError(f"{source}: messages.{kind}: {error}") from error
    for _, name, form, conversion in parts:
        # Plain names only: "{name.attribute}" would reach into objects.
        if name is not None and (name not in FIELDS[kind] or form or conversion):
            allowed = ", ".join(sorted(FIELDS[kind]))
            raise MessageFileError(f"{source}: messages.{kind}: {{{name}}} is no field of it; there are {allowed}")
    return template


def _harmless(value: str) -> str:
    """A value on one line, without control or direction characters, of bounded length."""
    if not value.isprintable():
        # The joiners U+200C and U+200D are control characters that Hindi needs to be written right.
        kept = (" " if unicodedata.category(each)[0] == "C" and each not in "\u200c\u200d" else each for each in value)
        value = " ".join("".join(kept).split())
    return value[:_LONGEST_VALUE]
