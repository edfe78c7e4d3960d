"""Another system switches relays by CIM messages, and is told when the meters have been read back."""

import http.server
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

MESSAGES = Path(__file__).parents[1] / "interchange" / "messages"


@pytest.fixture
def receiver():
    """A place that takes answers; `refuse` makes it answer 500 so often first."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            server.tries += 1
            refused = server.tries <= server.refuse
            self.send_response(500 if refused else 202)
            self.end_headers()
            if not refused:
                server.taken.append((self.path, body))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.taken, server.tries, server.refuse = [], 0, 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reached(site, receiver):
    """One meter, and a daemon that may answer to the receiver; (site, serial, receiver)."""
    port = receiver.server_address[1]
    site.start_simulator(meters=1)
    cim = f'[cim]\nreply_hosts = ["127.0.0.1:{port}"]\nevent_url = "http://127.0.0.1:{port}/events"\n'
    site.configure(mode="notify", extra=cim)
    site.import_all()
    site.start_daemon()
    return site, site.headend("meters", "list", "--json").json[0]["serial"], receiver


def message(site, name, serial, port, message_id=None):
    text = (MESSAGES / f"{name}.xml").read_text().replace(">M1<", f">{serial}<")
    text = text.replace("127.0.0.1:9", f"127.0.0.1:{port}").replace(f"{name}-1<", f"{message_id or name}<")
    file = site.folder / f"{message_id or name}.xml"
    if not file.exists():
        file.write_text(re.sub("<Timestamp>.*</", f"<Timestamp>{datetime.now(UTC).isoformat()}</", text))
    return file


def taken(receiver, path, *words):
    return [body for at, body in receiver.taken if at == path and all(word in body for word in words)]


def test_a_disconnect_and_a_connect_are_done_once_and_answered_when_the_relay_was_read_back(reached):
    site, serial, receiver = reached
    port = receiver.server_address[1]
    receiver.refuse = 2
    for _ in range(3):
        asked = site.headend("cim", "handle", message(site, "disconnect", serial, port))
        assert asked.exit_code == 0, asked
        assert ">OK<" in asked.stdout
    (answer,) = site.until(lambda: taken(receiver, "/replies", "case-77"))
    assert ">OK<" in answer
    assert site.edges(serial) == [False]
    shown = site.headend("cim", "show", "disconnect", "--json").json
    assert shown["controls"][0]["command"]["state"] == "confirmed"
    site.until(lambda: site.headend("cim", "show", "disconnect", "--json").json["replied_at"])

    assert site.headend("cim", "handle", message(site, "connect", serial, port)).exit_code == 0
    site.until(lambda: len(taken(receiver, "/replies", "case-77")) == 2)
    assert site.edges(serial) == [False, True]
    assert site.ask("stats")["duplicate_actuations"] == 0
    for kind in ("3.31.0.68", "3.31.0.42"):
        site.until(lambda kind=kind: taken(receiver, "/events", kind, serial))
    exported = site.headend("cim", "export", "events", "--since", "2020-01-01").stdout
    assert "3.31.0.68" in exported
    assert serial in site.headend("cim", "export", "readings").stdout


def test_a_lost_answer_of_the_meter_is_found_out_before_the_sender_is_told(reached):
    site, serial, receiver = reached
    site.ask("fault", serial=serial, fault="lose_answer", moment="action")
    asked = site.headend("cim", "handle", message(site, "disconnect", serial, receiver.server_address[1]))
    assert asked.exit_code == 0, asked
    (answer,) = site.until(lambda: taken(receiver, "/replies"))
    assert ">OK<" in answer
    assert site.edges(serial) == [False]


def test_an_address_that_the_house_does_not_know_gets_nothing_and_the_answer_is_an_event(reached):
    site, serial, receiver = reached
    asked = site.headend("cim", "handle", message(site, "disconnect", serial, 9))
    assert asked.exit_code == 0, asked
    (told,) = site.until(lambda: site.events("cim.replied"))
    assert (told["payload"]["result"], told["payload"]["message_id"]) == ("OK", "disconnect")
    assert "ResponseMessage" in told["payload"]["message"]
    assert taken(receiver, "/replies") == []


def test_rubbish_is_refused_with_an_exit_code_and_an_answer(site):
    site.start_simulator(meters=1)
    site.configure()
    site.import_all()
    file = site.folder / "rubbish.xml"
    file.write_text('<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>')
    answer = site.headend("cim", "handle", file)
    assert (answer.exit_code, "message_hostile" in answer.stdout) == (2, True)
    assert site.headend("cim", "show", "nothing").exit_code == 2
    assert site.headend("cim", "export", "readings", "--since", "2026-01-01").exit_code == 2
