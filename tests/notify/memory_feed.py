"""Event rows in memory, as the store's port hands them out."""

import json
from datetime import UTC, datetime

from headend.notify.model import EventRow

AT = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


def row(number, kind="relay.connected", meter="X1", consumer_no=None, payload=None):
    return EventRow(number, AT, kind, meter, consumer_no, json.dumps(payload or {"n": number}))


class MemoryFeed:
    def __init__(self, count=0):
        self.rows = [row(number) for number in range(1, count + 1)]
        self.cursors = {}
        self.moves = []
        self.failing = None

    def add(self, count):
        start = len(self.rows)
        self.rows += [row(number) for number in range(start + 1, start + count + 1)]

    async def events(self, after, limit):
        if self.failing is not None:
            raise self.failing
        return [each for each in self.rows if each.number > after][:limit]

    async def cursor(self, subscriber):
        return self.cursors.get(subscriber, 0)

    async def set_cursor(self, subscriber, number):
        self.moves.append(number)
        self.cursors[subscriber] = max(number, self.cursors.get(subscriber, 0))
