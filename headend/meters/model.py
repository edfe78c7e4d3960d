"""A meter model: what the head-end knows about a kind of meter before it talks to one. All of it is data in TOML."""

from enum import StrEnum
from typing import Literal

from attrs import field, frozen

from headend.dlms.cosem import CaptureObject, CosemAttribute, Obis


class Authentication(StrEnum):
    """How a role proves itself (Green Book 9.2.2.2.2), in the order of the mechanism ids 0 to 7."""

    NONE = "none"
    LLS = "lls"
    HLS = "hls"
    HLS_MD5 = "hls-md5"
    HLS_SHA1 = "hls-sha1"
    HLS_GMAC = "hls-gmac"
    HLS_SHA256 = "hls-sha256"
    HLS_ECDSA = "hls-ecdsa"

    @property
    def mechanism(self) -> int:
        """The authentication-mechanism-id."""
        return list(Authentication).index(self)


class Ciphering(StrEnum):
    """The envelope that carries protected APDUs."""

    NONE = "none"
    GLO = "glo"
    DED = "ded"
    GENERAL_GLO = "general-glo"
    GENERAL_DED = "general-ded"


class Protection(StrEnum):
    """What every APDU of the role needs in both directions."""

    NONE = "none"
    AUTHENTICATED = "authenticated"
    ENCRYPTED = "encrypted"
    AUTHENTICATED_ENCRYPTED = "authenticated-encrypted"

    @property
    def bits(self) -> int:
        """The bits of the security control octet: 0x10 authentication, 0x20 encryption."""
        return list(Protection).index(self) << 4


class Kind(StrEnum):
    """What a value is, whatever type carries it."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    OCTETS = "octets"


class Money(StrEnum):
    """What one step of the meter's money amounts is worth; int32 amounts carry no scaler (IS 15959-2)."""

    RUPEES = "rupees"
    PAISE = "paise"

    @property
    def exponent(self) -> int:
        """Steps to rupees: amount x 10**exponent."""
        return 0 if self is Money.RUPEES else -2


@frozen
class Object:
    """One object of the meter."""

    obis: Obis
    class_id: int


@frozen
class Register:
    """One value that is read by itself.

    `scaler` is the exponent of ten, or `attribute`: the meter tells it (attribute 3, of a demand register 4), or
    `money`: an amount in the model's `prepaid.money`. `unit` is what the model expects; the meter's own wins.
    """

    name: str
    obis: Obis
    class_id: int = 3
    attribute: int = 2
    unit: str = ""
    scaler: int | Literal["attribute", "money"] = "attribute"
    kind: Kind = Kind.NUMBER

    @property
    def reference(self) -> CosemAttribute:
        """The attribute that holds the value."""
        return CosemAttribute(self.class_id, self.obis, self.attribute)

    @property
    def scaler_reference(self) -> CosemAttribute | None:
        """The attribute that holds scaler and unit; None where the meter has none for it."""
        if self.scaler != "attribute" or self.kind is not Kind.NUMBER:
            return None
        return CosemAttribute(self.class_id, self.obis, 4 if self.class_id == 5 else 3)


@frozen
class ProfileColumn:
    """One capture object that a profile is expected to have; the meter's own list decides what is there."""

    name: str
    obis: Obis
    class_id: int = 3
    attribute: int = 2
    unit: str = ""
    scaler: int | None = None
    kind: Kind = Kind.NUMBER

    @property
    def capture_object(self) -> CaptureObject:
        """The column as a profile's attribute 3 lists it."""
        return CaptureObject(self.class_id, self.obis, self.attribute)


@frozen
class Profile:
    """One profile (IC 7): `scalers` is the profile that holds scaler and unit of its columns; period in seconds.

    `depth`: the rows that its buffer holds at least, before the oldest are overwritten; None where nobody knows.
    """

    name: str
    obis: Obis
    class_id: int = 7
    scalers: Obis | None = None
    capture_period: int | None = None
    depth: int | None = None
    columns: tuple[ProfileColumn, ...] = ()

    def column(self, captured: CaptureObject) -> ProfileColumn | None:
        """The expected column that this capture object is."""
        for column in self.columns:
            if (column.obis, column.attribute) == (captured.instance, captured.attribute):
                return column
        return None


@frozen
class Role:
    """One way to associate: who we are (client SAP), what the meter asks of us, and where its objects for us are."""

    client_sap: int
    association: Obis
    authentication: Authentication = Authentication.NONE
    ciphering: Ciphering = Ciphering.NONE
    protection: Protection = Protection.NONE
    suite: int = 0
    counter: Obis | None = None
    security_setup: Obis | None = None


@frozen
class Clock:
    """The clock (IC 8). `sign` is which deviation the meter means and is written: `either` copies what was read."""

    obis: Obis = field(factory=lambda: Obis("0.0.1.0.0.255"))
    class_id: int = 8
    sign: Literal["either", "blue-book", "inverted"] = "either"


@frozen
class TopUp:
    """How money gets into an account that the meter keeps.

    `registers`: the balance is set, then amount and time of the last recharge (IS 15959). `credit`: update_amount of
    the object `credit` (IC 112) adds it; `credit-value`: set_amount_to_value sets what it has to be. `token`: the
    object `gateway` (IC 115) is entered a token that holds amount and time in clear.
    """

    by: Literal["registers", "credit", "credit-value", "token"] = "registers"
    credit: Obis | None = None
    gateway: Obis | None = None


@frozen
class Prepaid:
    """Which registers are the prepaid account at the meter, and what its amounts are in.

    `owed`: where a meter has this register, its amount is taken off the balance: an Account (IC 111) never shows less
    than nothing as available_credit, and tells the rest as amount_to_clear.
    """

    money: Money
    balance: str = "balance"
    balance_time: str = "balance_time"
    payment_mode: str = "payment_mode"
    last_recharge_amount: str = "last_recharge_amount"
    last_recharge_time: str = "last_recharge_time"
    owed: str = "amount_to_clear"
    topup: TopUp = field(factory=TopUp)


@frozen
class MeterModel:
    """Everything known about one kind of meter; `clauses` says where it comes from."""

    name: str
    roles: dict[str, Role]
    identity: Object
    description: str = ""
    clauses: tuple[str, ...] = ()
    server_sap: int = 1
    clock: Clock = field(factory=Clock)
    relay: Object | None = None
    prepaid: Prepaid | None = None
    registers: tuple[Register, ...] = ()
    profiles: tuple[Profile, ...] = ()
    #: What push setups (IC 40) send, as their object lists have it: `class_id` is 40.
    pushes: tuple[Profile, ...] = ()
    objects: dict[str, Object] = field(factory=dict)
    events: dict[int, str] = field(factory=dict)

    def register(self, name: str) -> Register | None:
        """The register of that name."""
        return next((register for register in self.registers if register.name == name), None)

    def profile(self, name: str) -> Profile | None:
        """The profile of that name."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def exponent(self, register: Register) -> int | None:
        """The exponent that the model itself fixes for a register; None where the meter tells it."""
        if register.scaler == "money":
            return self.prepaid.money.exponent if self.prepaid else None
        return None if register.scaler == "attribute" else register.scaler
