"""Times: any twelve octets state a moment or none, in any zone."""

from datetime import UTC
from zoneinfo import ZoneInfo

from headend.dlms.cosem import CosemDate, CosemDateTime, CosemTime
from headend.meters.clock import clock_to_utc

ZONES = (ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Vienna"), ZoneInfo("UTC"))

SHARE = 10


def run(octets: bytes) -> None:
    for zone in ZONES:
        stated = clock_to_utc(octets, zone)
        assert stated is None or stated.utc.tzinfo is UTC
    moment = CosemDateTime(octets).utc_if_blue_book_sign
    assert moment is None or moment.tzinfo is UTC
    assert CosemDate(octets[:5]).octets + CosemTime(octets[5:9]).octets == octets[:9]
