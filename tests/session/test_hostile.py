"""Whatever a meter sends, a visit ends in a result or a SessionError, and nothing is believed that was changed."""

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from server_meter import House

from headend.dlms import axdr
from headend.dlms.cosem import CosemAttribute
from headend.session.errors import SessionError

SERIAL = CosemAttribute(1, "0.0.96.1.0.255", 2)
VALUE = b"10000001"


@st.composite
def changes(draw):
    """What becomes of one answer: some octets of it replaced, the rest cut off or followed by rubbish."""
    at = draw(st.integers(0, 120))
    by = draw(st.binary(max_size=6))
    tail = draw(st.one_of(st.just(None), st.binary(max_size=40)))
    return lambda octets: octets[:at] + by + (octets[at + len(by) :] if tail is None else tail)


async def read_from(house, role):
    address = "hdlc+memory:meter" if house.meter.hdlc else "memory:meter"
    async with house.visit(role, address=address) as session:
        return [(await session.get(SERIAL)).value, *(item.value for item in await session.get_many([SERIAL] * 3))]


@settings(max_examples=150, deadline=None)
@given(role=st.sampled_from(["setting", "reader"]), number=st.integers(0, 6), change=changes(), hdlc=st.booleans())
def test_a_changed_answer_ends_in_the_truth_or_in_a_session_error(role, number, change, hdlc):
    house = House()
    house.meter.hdlc = hdlc
    house.meter.objects[(1, "0.0.96.1.0.255", 2)] = axdr.octet_string(VALUE)
    answers = iter(range(1000))

    def tamper(octets):
        if octets and next(answers) == number:
            house.meter.last_answer = True  # so that nobody waits for what never comes
            return change(octets)
        return octets

    house.meter.tamper = tamper
    found = None
    with suppress(SessionError):
        found = asyncio.run(read_from(house, role))
    if role == "setting":
        assert found in (None, [VALUE] * 4)


@settings(max_examples=100, deadline=None)
@given(rubbish=st.binary(max_size=300), role=st.sampled_from(["setting", "reader", "public"]))
def test_a_meter_that_speaks_rubbish_is_a_session_error(rubbish, role):
    house = House()
    house.meter.tamper = lambda octets: rubbish if octets else octets
    house.meter.last_answer = True
    with suppress(SessionError):
        asyncio.run(read_from(house, role))
        raise AssertionError("rubbish gave a session")
