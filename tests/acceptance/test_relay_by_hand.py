def test_an_operator_cuts_and_restores_without_a_daemon(one_meter):
    site, serial, _ = one_meter
    cut = site.headend("relay", "disconnect", serial, "--reason", "meter exchange", "--json")
    assert cut.exit_code == 0, cut
    assert cut.json["state"] == "confirmed"
    assert site.edges(serial) == [False]
    status = site.headend("relay", "status", serial, "--json")
    assert status.json["connected"] is False
    restored = site.headend("relay", "reconnect", serial, "--reason", "exchange is done", "--json")
    assert restored.exit_code == 0, restored
    assert site.edges(serial) == [False, True]
    assert site.ask("stats")["duplicate_actuations"] == 0


def test_an_operator_works_beside_a_running_daemon(one_meter):
    site, serial, _ = one_meter
    site.start_daemon()
    cut = site.headend("relay", "disconnect", serial, "--reason", "meter exchange", "--wait", "--json")
    assert (cut.exit_code, cut.json["state"]) == (0, "confirmed"), cut
    restored = site.headend("relay", "reconnect", serial, "--reason", "exchange is done", "--wait", "--json")
    assert (restored.exit_code, restored.json["state"]) == (0, "confirmed"), restored
    assert site.edges(serial) == [False, True]
    assert site.stop_daemon() == 0


def test_what_is_asked_twice_is_done_once(one_meter):
    site, serial, _ = one_meter
    for _ in range(2):
        assert site.headend("relay", "disconnect", serial, "--reason", "meter exchange").exit_code == 0
    assert site.edges(serial) == [False]
    assert site.ask("stats")["duplicate_actuations"] == 0
    newest = site.commands()[0]
    assert "nothing sent" in newest["evidence"]


def test_a_meter_that_needs_the_button_is_told_so(one_meter):
    site, serial, _ = one_meter
    site.ask("set", serial=serial, relay_mode=1)
    assert site.headend("relay", "disconnect", serial, "--reason", "test of the button").exit_code == 0
    answer = site.headend("relay", "reconnect", serial, "--reason", "paid")
    assert answer.exit_code == 1, answer
    assert "button" in answer.stderr
    assert site.relay(serial) is False
    site.ask("button", serial=serial, press="reconnect")
    assert site.headend("relay", "reconnect", serial, "--reason", "paid").exit_code == 0


def test_an_unreachable_meter_gives_exit_code_3_and_keeps_the_command(one_meter):
    site, serial, _ = one_meter
    site.simulator.kill()
    site.simulator.wait()
    answer = site.headend_process("relay", "reconnect", serial, "--reason", "paid")
    assert answer.exit_code == 3, answer
    assert "Traceback" not in answer.stderr
    assert serial in answer.stderr
    assert "refused" in answer.stderr
    assert [each["state"] for each in site.commands()] == ["requested"]
    assert site.headend("read", serial).exit_code == 3


def test_a_protected_consumer_is_not_cut_by_hand(site):
    site.start_simulator(meters=1, scenario='[[group]]\nmeters = "1"\nprotected = "medical equipment"\n')
    site.configure()
    site.import_all()
    serial = site.headend("meters", "list", "--json").json[0]["serial"]
    answer = site.headend("relay", "disconnect", serial, "--reason", "test", "--json")
    assert answer.exit_code == 4, answer
    assert "protected" in answer.stderr
    assert site.edges() == []


def test_the_kill_switch_stops_a_cut_and_never_a_reconnect(one_meter):
    site, serial, _ = one_meter
    assert site.headend("relay", "disconnect", serial, "--reason", "test").exit_code == 0
    assert site.headend("policy", "kill").exit_code == 0
    assert site.headend("relay", "reconnect", serial, "--reason", "paid").exit_code == 0
    refused = site.headend("relay", "disconnect", serial, "--reason", "test")
    assert refused.exit_code == 4, refused
    assert "kill switch" in refused.stderr
    assert site.edges(serial) == [False, True]


def test_forbidden_hours_hold_back_a_person_too_unless_there_is_danger(one_meter):
    site, serial, _ = one_meter
    all_day = "[calendar]\nhours = [{ from = 00:00:00, to = 00:00:00 }]\n"
    site.configure(policy=f'name = "closed"\n{all_day}')
    refused = site.headend("relay", "disconnect", serial, "--reason", "test")
    assert refused.exit_code == 4, refused
    assert "forbidden_hour" in refused.stderr
    assert site.edges(serial) == []
    allowed = site.headend("relay", "disconnect", serial, "--reason", "fire", "--emergency")
    assert allowed.exit_code == 0, allowed


def test_a_lost_answer_gives_exit_code_5_and_the_next_command_reads_first(one_meter):
    site, serial, _ = one_meter
    site.ask("fault", serial=serial, fault="lose_answer", moment="action")
    lost = site.headend("relay", "disconnect", serial, "--reason", "meter exchange", "--json")
    assert lost.exit_code == 5, lost
    assert lost.json["exit_code"] == 5
    assert "the relay is read before anything is sent again" in lost.stderr
    assert [each["state"] for each in site.commands()] == ["unknown"]
    again = site.headend("relay", "disconnect", serial, "--reason", "meter exchange", "--json")
    assert (again.exit_code, again.json["state"]) == (0, "confirmed"), again
    assert site.edges(serial) == [False]
    assert site.ask("meter", serial=serial)["relay_actions"] == 1
