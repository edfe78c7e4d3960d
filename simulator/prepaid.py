"""The prepaid registers of the meter: payment mode, last recharge, and a balance that falls as energy is used."""

from enum import IntEnum

from attrs import define

#: mWh in a kWh.
_KWH = 1_000_000

#: What a time reads as while nothing happened yet.
UNSPECIFIED_TIME = b"\xff" * 9 + b"\x80\x00\xff"

_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1


@define(eq=False)
class PrepaidRegisters:
    """Amounts are int32 in paise; times are the 12 octets of a meter time.

    The balance is computed when it is asked for: what was written last, less the energy used since at `tariff`
    paise a kWh, and never below what an int32 holds. In postpaid mode it stands still.
    """

    balance_written: int
    energy_written: int
    tariff: int
    payment_mode: int = 1
    last_recharge: int = 0
    last_recharge_time: bytes = UNSPECIFIED_TIME
    total_at_last_recharge: int = 0

    def balance(self, energy: int) -> int:
        """The balance when the energy register stands at `energy` mWh."""
        if self.payment_mode == 0:
            return self.balance_written
        used = (energy - self.energy_written) * self.tariff // _KWH
        return max(_INT32_MIN, self.balance_written - used)

    def write_balance(self, paise: int, energy: int) -> None:
        """Start from `paise` at `energy` mWh; ValueError outside an int32."""
        if not _INT32_MIN <= paise <= _INT32_MAX:
            raise ValueError(f"a balance of {paise} paise does not fit into 32 bits")
        self.balance_written, self.energy_written = paise, energy

    def switch_mode(self, mode: int, energy: int) -> None:
        """To postpaid (0) or prepaid (1); what was used so far stays deducted."""
        self.balance_written, self.energy_written = self.balance(energy), energy
        self.payment_mode = mode


class TokenCode(IntEnum):
    """What became of a token (Blue Book 4.6.5)."""

    EXECUTED = 3
    FORMAT_FAILURE = 4
    VALIDATION_FAILURE = 6
    EXECUTION_FAILURE = 7


#: A token of this simulator: seconds since 1970 and paise, 4 octets each. Another maker's are ciphered.
_TOKEN_OCTETS = 8


@define(eq=False)
class TokenGateway:
    """Takes tokens, each once: one that is not newer than the last that was executed is refused."""

    token: bytes = b""
    time: bytes = UNSPECIFIED_TIME
    code: int = TokenCode.EXECUTED
    newest: int = 0
    executed: int = 0

    def enter(self, token: bytes, time: bytes, registers: PrepaidRegisters, energy: int) -> None:
        """A token is entered at `time`; what it is worth is added to the balance, or its code tells why not."""
        self.token, self.time = token, time
        if len(token) != _TOKEN_OCTETS:
            self.code = TokenCode.FORMAT_FAILURE
            return
        stamp, amount = int.from_bytes(token[:4], "big"), int.from_bytes(token[4:], "big")
        if stamp <= self.newest or amount == 0:
            self.code = TokenCode.VALIDATION_FAILURE
            return
        try:
            registers.write_balance(registers.balance(energy) + amount, energy)
        except ValueError:
            self.code = TokenCode.EXECUTION_FAILURE
            return
        self.code, self.newest = TokenCode.EXECUTED, stamp
        self.executed += 1
