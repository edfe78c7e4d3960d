"""The daemon as a service: what it says to the service manager, and what it answers to those who watch it."""

import json
import socket
import urllib.request

from site_under_test import Site


def test_a_service_says_when_it_is_ready_that_it_lives_and_that_it_stops(site: Site, tmp_path, monkeypatch):
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")

        def words():
            try:
                while True:
                    heard.append(line.recv(1000).decode())
            except BlockingIOError:
                return heard

        site.start_simulator(meters=1)
        site.configure(every="1h", extra='[metrics]\nlisten = "127.0.0.1:0"\n')
        site.import_all()
        site.start_daemon()
        site.until(lambda: "READY=1" in words() and words().count("WATCHDOG=1") >= 3)
        port = answering(site)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            assert json.load(answer)["status"] == "ready"
        assert "STOPPING=1" not in words()
        assert site.stop_daemon() == 0
        assert words()[-1] != "READY=1"
        assert "STOPPING=1" in words()


def answering(site):
    return site.until(lambda: [line["metrics"] for line in site.daemon_log() if line.get("event") == "answering"])[-1]
