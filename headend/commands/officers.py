"""Who may ask for what: the utility's officers, their roles, the office they belong to, and what they did."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import Factory, frozen


class Role(StrEnum):
    """What an officer may do; each role may do what those before it may.

    `viewer` looks; `operator` reads meters, restores supply, asks for a cut, books at the cash desk; `approver`
    releases cuts and corrections and changes modes; `administrator` keeps users and tokens.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"

    @property
    def rank(self) -> int:
        """How much a role may do: larger may do more."""
        return list(Role).index(self)


@frozen
class Officer:
    """A person of the utility. `office` bounds all that they see and do, with the offices below it; empty: the house.

    `ready`: a password is set, so that the officer can log in.
    """

    name: str
    full_name: str
    role: Role
    office: str
    disabled: bool
    ready: bool


@frozen
class Deed:
    """What somebody does, for the audit: written in the transaction of the change itself.

    `via` is the way it came (`console`, `api`, `cli`, `portal`), `subject` what it is done to. Where the office is not
    known yet, `of` says what the subject is (`meter`, `consumer`, `command`, …) and the store finds its office.
    """

    at: datetime
    by: str
    via: str
    action: str
    subject: str = ""
    office: str = ""
    detail: Mapping[str, Any] = Factory(dict)
    of: str = ""


def within(office: str, root: str) -> bool:
    """Whether an office is `root` or below it; an empty root is the whole house."""
    root = root.strip("/")
    return not root or office == root or office.startswith(f"{root}/")
