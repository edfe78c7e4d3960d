"""Mode `propose` over real sockets: an officer sees the list, strikes a row, and only what was approved is cut."""

import json

NEGATIVE = """
[meters]
opening_balance_paise = -5000
[consumers]
balance_source = "ledger"
"""


def by(site, person, *arguments):
    return site.headend(*arguments, LOGNAME=person)


def test_only_what_an_officer_approved_is_cut(site):
    site.start_simulator(meters=3, scenario=NEGATIVE)
    site.configure(mode="propose", every="2s")
    site.import_all()
    serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
    site.start_daemon("--arm")

    def listed():
        found = by(site, "officer-1", "policy", "proposals", "--json").json
        return found if len(found["rows"]) == len(serials) else None

    shown = site.until(listed)
    assert all(row["balance"] < 0 and row["evidence"]["reading_at"] for row in shown["rows"])
    assert site.edges() == []
    spared = serials[1]
    done = by(site, "officer-2", "policy", "approve", "--digest", shown["digest"], "--strike", spared, "--json")
    assert done.exit_code == 0, done
    assert (len(done.json["released"]), len(done.json["struck"])) == (2, 1)
    site.until(lambda: all(site.relay(serial) is False for serial in serials if serial != spared))
    assert site.edges(spared) == []
    again = by(site, "officer-2", "policy", "approve", "--digest", shown["digest"])
    assert (again.exit_code, "already" in again.stderr) == (4, True)


def test_a_list_longer_than_one_person_may_release_waits_for_a_second(site):
    site.start_simulator(meters=2, scenario=NEGATIVE)
    site.configure(mode="propose", every="2s")
    site.config.write_text(site.config.read_text().replace("[policy]", "[policy]\napprove_alone = 1"))
    site.import_all()
    site.start_daemon("--arm")

    def listed():
        found = by(site, "officer-1", "policy", "proposals", "--json").json
        return found if len(found["rows"]) == 2 else None

    approve = ("policy", "approve", "--digest", site.until(listed)["digest"], "--json")
    first = by(site, "officer-1", *approve)
    assert (first.exit_code, first.json["released"], first.json["second"]) == (0, [], True)
    assert site.edges() == []
    again = by(site, "officer-1", *approve)
    assert (again.exit_code, "second person" in again.stderr) == (4, True)
    assert len(by(site, "officer-2", *approve).json["released"]) == 2


def test_automatic_is_asked_for_by_one_and_confirmed_by_another(site):
    site.configure(mode="propose")
    asked = by(site, "officer-1", "policy", "mode", "automatic", "--office", "Ranchi/East", "--json").json["proposal"]
    alone = by(site, "officer-1", "policy", "confirm", str(asked["id"]))
    assert (alone.exit_code, "second person" in alone.stderr) == (4, True)
    assert "automatic" not in site.headend("policy", "show", "--json").stdout
    assert [each["id"] for each in site.headend("policy", "pending", "--json").json] == [asked["id"]]
    assert by(site, "officer-2", "policy", "confirm", str(asked["id"])).exit_code == 0
    assert site.headend("policy", "show", "--json").json["modes"]["Ranchi/East"] == "automatic"
    assert by(site, "officer-1", "policy", "mode", "notify", "--office", "Ranchi/East").exit_code == 0
    assert site.headend("policy", "show", "--json").json["modes"]["Ranchi/East"] == "notify"


def test_a_house_may_let_one_person_decide_and_a_changed_policy_is_told(site):
    site.configure(mode="notify")
    site.config.write_text(site.config.read_text().replace("[policy]", "[policy]\nsecond_person = false"))
    assert by(site, "officer-1", "policy", "mode", "automatic").exit_code == 0
    assert site.headend("policy", "show", "--json").json["modes"][""] == "automatic"
    assert site.headend("keys", "init").exit_code == 0
    entry = ("accounts", "approve", "1")
    site.headend(*entry)
    rules = (site.folder / "policy.toml").read_text()
    (site.folder / "policy.toml").write_text(rules.replace("per_hour = 1000", "per_hour = 2000"))
    site.headend(*entry)
    events = [json.loads(line) for line in site.headend("events", "--json").stdout.splitlines()]
    (changed,) = [event for event in events if event["kind"] == "policy.changed"]
    assert changed["payload"]["changed"]["caps.per_hour"] == [1000, 2000]
