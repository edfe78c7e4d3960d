"""General block transfer between two ends, whatever gets lost on the way."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headend.dlms.apdu import GeneralBlockTransfer, decode
from headend.dlms.blocks import GeneralBlocks
from headend.dlms.blocks.general import LARGEST_NUMBER, OVERHEAD
from headend.dlms.errors import LocalError, RemoteError


def end(*, room=10, limit=1 << 20, window=3):
    return GeneralBlocks(room=room, limit=limit, window=window)


class Line:
    """Two ends and a line that loses the blocks it is told to; whoever waits in vain sends again, the client's way."""

    def __init__(self, client, server, lost=()):
        self.client, self.server = client, server
        self.lost = set(lost)
        self.sent = count()

    def carry(self, blocks, receiver):
        """Whether the turn went over."""
        turn = False
        for block in blocks:
            if next(self.sent) in self.lost:
                turn = False
                continue
            assert decode(block.encode()) == block
            turn = receiver.take(block)
        return turn

    def run(self, request, answer):
        """The request at the server and the answer at the client."""
        self.client.load(request)
        got = None
        for _ in range(500):
            # The client speaks: what it has, or a confirmation, and again after its timer if nothing came back.
            if self.carry(self.client.burst(), self.server):
                if self.server.complete and got is None:
                    got = self.server.join()
                    self.server.load(answer)
                self.carry(self.server.burst(), self.client)
            if self.client.complete:
                return got, self.client.join()
        raise AssertionError("no end")


@pytest.mark.parametrize("window", [1, 2, 3, 63])
@pytest.mark.parametrize("size", [1, 9, 10, 11, 95, 1000])
def test_both_directions_join_to_what_was_cut(window, size):
    request, answer = bytes(range(256)) * 4, bytes(range(255, -1, -1)) * 4
    line = Line(end(window=window), end(window=window))
    assert line.run(request[:size], answer[:size]) == (request[:size], answer[:size])


@given(
    st.binary(min_size=1, max_size=200),
    st.binary(min_size=1, max_size=300),
    st.sets(st.integers(0, 60), max_size=25),
    st.integers(1, 8),
    st.integers(1, 8),
)
@settings(max_examples=150, deadline=None)
def test_lost_blocks_are_sent_again_until_all_is_there(request, answer, lost, window, other_window):
    line = Line(end(window=window), end(window=other_window), lost)
    assert line.run(request, answer) == (request, answer)


def test_a_burst_is_as_long_as_the_other_end_allows_and_hands_the_turn_over_at_its_end():
    one, other = end(window=2), end(window=4)
    one.load(bytes(100))
    first = one.burst()
    assert [(block.block_number, block.streaming) for block in first] == [(1, False)]  # nothing known of the other yet
    assert other.take(first[0])
    assert not one.complete
    (confirmation,) = other.burst()
    assert (confirmation.block_number_ack, confirmation.window, confirmation.data) == (1, 4, b"")
    assert one.take(confirmation)
    assert [(block.block_number, block.streaming) for block in one.burst()] == [
        (2, True),
        (3, True),
        (4, True),
        (5, False),
    ]


def test_a_gap_is_told_and_filled():
    one, other = end(window=8), end(window=8)
    other.load(b"request")
    one.take(other.burst()[0])
    one.load(bytes(range(50)))
    blocks = one.burst()
    assert len(blocks) == 5
    for block in (blocks[0], blocks[1], blocks[3], blocks[4]):
        turn = other.take(block)
    assert turn
    (confirmation,) = other.burst()
    assert confirmation.block_number_ack == 2
    one.take(confirmation)
    again = one.burst()
    assert [block.block_number for block in again] == [3, 4, 5]
    for block in again:
        other.take(block)
    assert other.complete
    assert other.join() == bytes(range(50))


def test_a_repeated_block_is_taken_once():
    one, other = end(), end()
    one.load(bytes(15))
    (first,) = one.burst()
    other.take(first)
    other.take(first)
    one.take(other.burst()[0])
    other.take(one.burst()[-1])
    assert other.complete
    assert other.join() == bytes(15)


def block(number, ack=0, *, last=False, streaming=False, window=1, data=b"x"):
    return GeneralBlockTransfer(
        last_block=last, streaming=streaming, window=window, block_number=number, block_number_ack=ack, data=data
    )


def test_an_empty_last_block_ends_what_came_before_it_and_nothing_else():
    one = end()
    one.take(block(1, last=True, data=b""))
    assert not one.complete
    one.take(block(2, data=b"abc"))
    one.take(block(3, last=True, data=b""))
    assert one.complete
    assert one.join() == b"abc"


def test_a_window_of_0_is_one():
    one = end()
    one.load(bytes(100))
    one.take(block(1, window=0, data=b""))
    assert len(one.burst()) == 1


@pytest.mark.parametrize("ack", [1, 7, 65535])
def test_nothing_that_was_not_sent_can_be_confirmed(ack):
    with pytest.raises(RemoteError, match="confirmed"):
        end().take(block(1, ack=ack))


def test_too_many_octets_are_refused():
    one = end(limit=25)
    for number in (1, 2):
        one.take(block(number, data=bytes(10)))
    with pytest.raises(RemoteError, match="more than 25 octets"):
        one.take(block(3, data=bytes(10)))


def test_blocks_that_bring_nothing_new_end_after_some_patience():
    one = end()
    with pytest.raises(RemoteError, match="nothing new"):
        for _ in range(30):
            one.take(block(9))


def test_more_octets_than_block_numbers_reach_are_our_own_fault():
    one = end(room=1)
    with pytest.raises(LocalError, match="end at 65535"):
        one.load(bytes(LARGEST_NUMBER + 1))


def test_confirmations_do_not_run_out_of_numbers_silently():
    one = end(room=1)
    one.load(bytes(LARGEST_NUMBER))
    one.take(block(1, ack=LARGEST_NUMBER, data=b""))
    with pytest.raises(RemoteError, match="numbers allow"):
        one.burst()


def test_the_overhead_is_what_a_block_takes_at_most():
    assert len(block(1, data=bytes(300)).encode()) == 300 + OVERHEAD
