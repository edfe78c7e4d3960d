from datetime import timedelta

from store_making import SERIAL, START, cut, energy, events_of, keep, reading, rows, settle_in, visit

from headend.storage.retention import Keep

DAYS = timedelta(days=1)
KEEPS = (Keep("block_load", 100 * DAYS), Keep("registers", 50 * DAYS))


async def grown(store, folder, clock, *, meters=3, months=6):
    """Meters whose rows and values were read once a month, the last time now."""
    await settle_in(store, folder, count=meters)
    for month in range(months):
        clock.forward(days=30)
        for number in range(1, meters + 1):
            brought = visit(clock, number, readings=(reading(clock, str(month)),), profiles=(rows(clock.now, 4),))
            await store.fleet.record_visit(
                brought,
                lambda view: keep(view, entries=(energy(clock, -1, f"{clock.now}", view.facts.account.consumer_no),)),
            )


async def removed(store, keeps=KEEPS):
    counts = {}
    async for step in store.retention.remove(keeps):
        counts[step.what] = counts.get(step.what, 0) + step.removed
    return counts


async def test_what_would_go_is_what_goes_and_only_what_is_older(store, tmp_path, clock):
    await grown(store, tmp_path, clock)
    old = {each.what: each.rows for each in await store.retention.old(KEEPS)}
    # Read 150, 120, 90, 60, 30 and 0 days ago; the value of 60 days ago still held 50 days ago.
    assert old == {"block_load": 2 * 4 * 3, "registers": 3 * 3}
    assert await removed(store) == old
    assert all(each.rows == 0 for each in await store.retention.old(KEEPS))
    left = await store.fleet.rows(SERIAL, "block_load", START, clock.now + DAYS)
    assert sum(len(piece.rows) for piece in left) == 4 * 4
    assert min(row.time for piece in left for row in piece.rows) == clock.now - 90 * DAYS
    assert len(await store.fleet.history(SERIAL, "energy_import", START, clock.now + DAYS)) == 3


async def test_looking_removes_nothing(store, tmp_path, clock):
    await grown(store, tmp_path, clock)
    before = await store.retention.old(KEEPS)
    assert await store.retention.old(KEEPS) == before


async def test_money_journal_and_events_are_never_touched(store, tmp_path, clock):
    await grown(store, tmp_path, clock)
    await store.journal.request(cut(clock))
    kept = "SELECT (SELECT count(*) FROM ledger), (SELECT count(*) FROM commands), (SELECT count(*) FROM decisions)"
    before = await store._readers.run(lambda connection: connection.execute(kept).fetchone())
    events = await store.events.last_number()
    clock.forward(days=4000)
    await removed(store)
    assert await store._readers.run(lambda connection: connection.execute(kept).fetchone()) == before
    assert len(await store.events.events(0, 10_000)) == events + 1
    assert (await store.check()).findings == ()
    # What a screen shows as the newest reading stays, whatever its age.
    assert await store.fleet.latest(SERIAL)


async def test_steps_are_small_whatever_there_is_to_remove(store, tmp_path, clock):
    await grown(store, tmp_path, clock)
    store.retention.meters_at_once, store.retention.rows_at_once = 2, 3
    steps = [step async for step in store.retention.remove(KEEPS)]
    assert max(step.removed for step in steps) == 3
    assert sum(step.removed for step in steps) == 24 + 9
    assert all(each.rows == 0 for each in await store.retention.old(KEEPS))


async def test_a_run_is_remembered_and_told_once_it_removed_something(store, tmp_path, clock):
    await grown(store, tmp_path, clock)
    assert await store.retention.last_run() is None
    await removed(store)
    assert await store.retention.last_run() == clock.now
    await removed(store)
    assert len(await events_of(store, "store.retention")) == 1


async def test_a_broken_off_run_is_not_taken_for_a_whole_one(store, tmp_path, clock):
    await grown(store, tmp_path, clock)
    steps = store.retention.remove(KEEPS)
    await anext(steps)
    await steps.aclose()
    assert await store.retention.last_run() is None
    await removed(store)
    assert all(each.rows == 0 for each in await store.retention.old(KEEPS))
