"""What meters of one kind have in common: load, tariff, profile depths, clock, relay mode. Shared, never copied."""

from attrs import frozen

from simulator.clock import Deviation


@frozen
class MeterPlan:
    """Money in paise, periods in seconds, depths in rows. `watts` is the mean load before `spread` is applied to it.

    `spread` is in percent: a meter's mean load lies within `watts` ± that, by its seed. `payment_objects`: `registers`
    (IS 15959), or `account` (IC 111, 112 and 115).
    """

    watts: int = 400
    spread: int = 50
    flat: bool = False
    tariff: int = 650
    opening_balance: int = 50_000
    payment_mode: int = 1
    payment_objects: str = "registers"
    control_mode: int = 4
    zone_minutes: int = 330
    deviation: Deviation = Deviation.STANDARD
    clock_offset: int = 0
    drift_ppm: int = 0
    block_period: int = 1800
    block_depth: int = 90 * 48
    daily_depth: int = 90
    billing_depth: int = 12
    event_depth: int = 100
    firmware: str = "1.0.0"
    manufacturer: str = "Simulated Meter"
    rated_current: str = "5-30A"

    def mean_watts(self, seed: bytes) -> int:
        """The mean load of the meter with this seed."""
        return max(self.watts * (100 - self.spread) + self.watts * 2 * self.spread * seed[1] // 255, 0) // 100
