"""Who may talk to the meter: the associations of IS 15959, and what each may read, write and do."""

from enum import IntEnum

from headend.dlms.enumerations import Authentication


class Role(IntEnum):
    """A client by its SAP; `group_e` is the E of its association 0.0.40.0.E.255 and of its counter 0.0.43.1.E.255."""

    PUBLIC = 16
    READER = 32
    SETTING = 48
    PUSH = 64
    DISPLAY = 96

    @property
    def group_e(self) -> int:
        """1 for the public client up to 6 for the in-home display."""
        return _GROUP_E[self]

    @property
    def authentication(self) -> Authentication:
        """How this client proves itself."""
        return _AUTHENTICATION[self]

    @property
    def ciphered(self) -> bool:
        """Whether every APDU is authenticated and encrypted."""
        return self in (Role.SETTING, Role.PUSH)

    @property
    def key_name(self) -> str:
        """The role's name in a file of keys."""
        return self.name.lower()


_GROUP_E = {Role.PUBLIC: 1, Role.READER: 2, Role.SETTING: 3, Role.PUSH: 4, Role.DISPLAY: 6}
_AUTHENTICATION = {
    Role.PUBLIC: Authentication.NONE,
    Role.READER: Authentication.LLS,
    Role.SETTING: Authentication.HLS_GMAC,
    Role.PUSH: Authentication.NONE,
    Role.DISPLAY: Authentication.LLS,
}

NOBODY: frozenset[Role] = frozenset()
EVERYBODY = frozenset(Role)
#: The in-home display sees energy and credit; loads, logs and settings are for the utility.
HOME = frozenset((Role.READER, Role.SETTING, Role.DISPLAY))
UTILITY = frozenset((Role.READER, Role.SETTING))
SETTING = frozenset((Role.SETTING,))
