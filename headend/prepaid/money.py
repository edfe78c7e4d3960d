"""Rupees as people write them, paise as the ledger keeps them."""

import re

_RUPEES = re.compile(r"(?P<sign>-?)\s*₹?\s*(?P<whole>[0-9][0-9,]*)(?:\.(?P<paise>[0-9]{1,2}))?")


def parse_rupees(text: str) -> int:
    """Paise from `200`, `1,23,456.50`, `₹ 99.5` or `-12.00`; ValueError for anything else, a third decimal included."""
    match = _RUPEES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no amount in rupees, such as 200 or 1,250.50")
    whole = int(match["whole"].replace(",", ""))
    paise = int((match["paise"] or "0").ljust(2, "0"))
    amount = whole * 100 + paise
    return -amount if match["sign"] else amount


def format_rupees(paise: int) -> str:
    """`₹1,23,456.50`: grouped as in India (hundreds, then pairs), always two decimals, the sign before the currency."""
    rupees, rest = divmod(abs(paise), 100)
    sign = "-" if paise < 0 else ""
    return f"{sign}₹{grouped(str(rupees))}.{rest:02d}"


def grouped(digits: str) -> str:
    """Digits grouped as in India: hundreds, then pairs."""
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])


def whole_rupees(paise: int) -> int:
    """Paise rounded up to rupees: nobody pays half a rupee, and a paisa too little brings nothing back."""
    return -(-paise // 100) * 100
