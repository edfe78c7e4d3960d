"""A name server that is away: whoever needs it fails alone."""

from pathlib import Path

METERS = 60
#: More names than any pool has threads, each of a gateway of its own.
NAMED = 40


def test_meters_behind_names_that_hang_hold_up_no_other_and_no_end(site):
    site.start_simulator(meters=METERS)
    site.configure(mode="notify", deadline=20.0, every="2s")
    _name_places(site)
    site.import_all()
    serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
    site.start_daemon(environment={"PYTHONPATH": str(Path(__file__).parent / "slow_names")})
    visits = site.until(lambda: (found := _visits(site)) and len(found) >= METERS - NAMED and found)
    assert set(visits) <= set(serials[NAMED:])
    # The others go on round after round, while every question still hangs.
    site.until(lambda: min(_visits(site).get(serial, 0) for serial in serials[NAMED:]) >= 3)
    # So do people, and the end: nobody waits for a thread that hangs.
    assert site.headend("read", serials[-1], "--json").exit_code == 0
    assert site.stop_daemon() == 0


def _name_places(site):
    inventory = site.folder / "inventory.csv"
    head, *lines = inventory.read_text().splitlines()
    named = [line.replace("127.0.0.1", f"gateway{n}.hanging.example") for n, line in enumerate(lines[:NAMED])]
    inventory.write_text("\n".join([head, *named, *lines[NAMED:]]) + "\n")


def _visits(site):
    return dict(
        site.stored(
            "SELECT m.serial, count(*) FROM visits v JOIN meters m ON m.id = v.meter"
            " WHERE v.outcome = 'done' GROUP BY m.serial"
        )
    )
