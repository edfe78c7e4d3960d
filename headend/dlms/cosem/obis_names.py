"""What OBIS codes mean, for people: a few exact names, the rest put together from their groups (Blue Book 7)."""

from headend.dlms.cosem.obis import Obis

#: Abstract objects and those that IS 15959 defines, without group F.
_NAMES: dict[str, str] = {
    "0.0.0.1.0": "billing period counter",
    "0.0.0.1.2": "billing date",
    "0.0.1.0.0": "clock",
    "0.0.10.0.1": "maximum demand reset",
    "0.0.13.0.0": "activity calendar",
    "0.0.11.0.0": "special days",
    "0.0.15.0.0": "end of billing action",
    "0.0.15.0.2": "image activation action",
    "0.0.15.0.4": "push action",
    "0.0.17.0.0": "limiter",
    "0.0.25.9.0": "push setup",
    "0.4.25.9.0": "push setup, alert",
    "0.0.40.0.0": "current association",
    "0.0.40.0.1": "association, public client",
    "0.0.40.0.2": "association, meter reader",
    "0.0.40.0.3": "association, utility setting",
    "0.0.40.0.4": "association, push",
    "0.0.40.0.5": "association, firmware upgrade",
    "0.0.40.0.6": "association, in-home display",
    "0.0.41.0.0": "SAP assignment",
    "0.0.42.0.0": "logical device name",
    "0.0.43.0.0": "security setup",
    "0.0.43.1.0": "invocation counter",
    "0.0.44.0.0": "image transfer",
    "0.0.94.91.0": "cumulative tamper count",
    "0.0.94.91.10": "nameplate profile",
    "0.0.94.91.13": "power-on duration in the billing period",
    "0.0.94.91.14": "cumulative power-on duration",
    "0.0.94.91.18": "event status word",
    "0.0.94.91.26": "event status word filter",
    "0.0.94.96.19": "metering mode",
    "0.0.94.96.20": "payment mode",
    "0.0.94.96.21": "last recharge amount",
    "0.0.94.96.22": "last recharge time",
    "0.0.94.96.23": "total amount at last recharge",
    "0.0.94.96.24": "balance amount",
    "0.0.94.96.25": "balance time",
    "0.0.96.1.0": "meter serial number",
    "0.0.96.1.1": "manufacturer name",
    "0.0.96.1.4": "year of manufacture",
    "0.0.96.2.0": "programming count",
    "0.0.96.3.10": "disconnect control",
    "0.0.96.10.1": "meter health indicator",
    "0.0.96.13.0": "consumer message",
    "0.0.96.13.1": "consumer message, display",
    "0.0.19.0.0": "account",
    "0.0.19.10.0": "credit",
    "0.0.19.20.0": "charge",
    "0.0.19.40.0": "token gateway",
    "1.0.0.2.0": "firmware version",
    "1.0.0.8.0": "demand integration period",
    "1.0.0.8.4": "profile capture period",
    "1.0.94.91.0": "instantaneous profile",
    "1.0.94.91.3": "instantaneous profile, scalers",
    "1.0.94.91.4": "block load profile, scalers",
    "1.0.94.91.5": "daily load profile, scalers",
    "1.0.94.91.6": "billing profile, scalers",
    "1.0.94.91.7": "event logs, scalers",
    "1.0.94.91.14": "active current (signed)",
    "1.0.98.1.0": "billing profile",
    "1.0.99.1.0": "block load profile",
    "1.0.99.2.0": "daily load profile",
}

_EVENTS = ("voltage", "current", "power", "transaction", "other", "non-rollover", "control")

# Group C of electricity codes: what is measured.
_QUANTITIES: dict[int, str] = {
    1: "active power+",
    2: "active power-",
    3: "reactive power+",
    4: "reactive power-",
    5: "reactive power QI",
    6: "reactive power QII",
    7: "reactive power QIII",
    8: "reactive power QIV",
    9: "apparent power+",
    10: "apparent power-",
    11: "current",
    12: "voltage",
    13: "power factor",
    14: "supply frequency",
    15: "active power sum",
    16: "active power net",
    91: "neutral current",
}
_PHASE_STEPS = {20: "L1", 40: "L2", 60: "L3"}

# Group D: how it is processed.
_PROCESSING: dict[int, str] = {
    2: "cumulative maximum",
    3: "minimum",
    4: "current average",
    5: "last average",
    6: "maximum",
    7: "instantaneous",
    8: "time integral",
    9: "time integral in the billing period",
    24: "average",
    27: "block average",
    29: "block integral",
}


def obis_name(obis: Obis) -> str:
    """A name in English, empty where none is known: `active energy+ tariff 1`, `voltage L2 instantaneous`, `clock`."""
    a, b, c, d, e, _ = obis.octets
    exact = _NAMES.get(f"{a}.{b}.{c}.{d}.{e}")
    if exact:
        return exact
    if (a, c, d) == (0, 99, 98) and e < len(_EVENTS):
        return f"event log, {_EVENTS[e]}"
    if (a, c, d) == (0, 96, 11) and e < len(_EVENTS):
        return f"event code, {_EVENTS[e]}"
    if (a, c, d) == (0, 96, 15) and e < len(_EVENTS):
        return f"event sequence number, {_EVENTS[e]}"
    if (a, c, d) in ((0, 43, 0), (0, 43, 1)):
        return f"{'invocation counter' if d else 'security setup'} {e}"
    return _electricity(c, d, e) if a == 1 else ""


def obis_slug(obis: Obis, attribute: int = 2) -> str:
    """An identifier for a column that no model names: `obis_1_0_12_7_0_255_2`, the last number the attribute."""
    return "obis_" + "_".join(map(str, (*obis.octets, attribute)))


def _electricity(c: int, d: int, e: int) -> str:
    phase = ""
    quantity = _QUANTITIES.get(c)
    for step, name in _PHASE_STEPS.items():
        if quantity is None and c - step in _QUANTITIES and 1 <= c - step <= 16:
            quantity, phase = _QUANTITIES[c - step], f" {name}"
    processing = _PROCESSING.get(d)
    if quantity is None or processing is None:
        return ""
    tariff = f" tariff {e}" if e and d != 7 else ""
    if processing.endswith(("integral", "integral in the billing period")) and "power" in quantity:
        # The time integral of a power is an energy, and is called that.
        what = quantity.replace("power", "energy").replace("energy factor", "power factor")
        rest = processing.replace("time integral", "").replace("block integral", "block").strip()
        return " ".join(f"{what}{phase} {rest}{tariff}".split())
    return f"{quantity}{phase} {processing}{tariff}"
