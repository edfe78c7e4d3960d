"""The prepaid balance as the meter keeps it (IS 15959 balance amount 0.0.94.96.24 and its time …25)."""

from datetime import datetime

from attrs import frozen


@frozen
class Balance:
    """`paise` as the meter shows it now; `received` is when it was read, `meter_time` what the meter dates it with.

    The meter's own date may be old without the balance being old: it is `received` that freshness is judged by.
    """

    paise: int
    received: datetime
    meter_time: datetime | None = None
