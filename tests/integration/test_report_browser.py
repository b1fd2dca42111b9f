"""A real browser opens the report: nothing in it runs and nothing is fetched.

Every request that the browser makes, to any host, would go to a proxy on loopback that writes it down. A page
without our defences runs through the same set-up first, so that silence means something.
"""

from __future__ import annotations

import copy
import html
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gauger.app.report import render_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install it to open the report in a browser")

SAMPLE = Path(__file__).parents[1] / "data" / "scan_report.json"
OWN = re.compile(r"(https?://)?[\w-]+\.(google|googleapis|gvt1)\.com[:/]")
MARK = "gauger-probe.example"
ATTACK = (
    f"<script>document.title='owned'</script><img src=http://{MARK}/a onerror=\"document.title='owned'\">"
    f"<link rel=stylesheet href=http://{MARK}/b><iframe src=http://{MARK}/c></iframe>"
    f"<style>body{{background:url(http://{MARK}/d)}}</style>"
)


@pytest.fixture
def proxy() -> Iterator[tuple[int, list[str]]]:
    """The port of a proxy that refuses everything, and what it was asked for."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *args: object) -> None:
            pass

    for verb in ("GET", "POST", "CONNECT", "HEAD"):
        setattr(Proxy, f"do_{verb}", Proxy.refuse)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], asked
    server.shutdown()
    server.server_close()


def dom(page: str, port: int, folder: Path) -> str:
    """The document as Chromium holds it after loading ``page``."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--virtual-time-budget=3000"]
    flags += [f"--proxy-server=http://127.0.0.1:{port}", "--proxy-bypass-list=<-loopback>"]
    command = [str(CHROMIUM), *flags, f"--user-data-dir={folder / 'profile'}", "--dump-dom", file.as_uri()]
    ran = subprocess.run(command, capture_output=True, timeout=90, check=True, env={**os.environ, "HOME": str(folder)})
    return ran.stdout.decode("utf-8", "replace")


def title(document: str) -> str:
    return document.split("<title>", 1)[1].split("</title>", 1)[0]


def fetched(asked: list[str]) -> list[str]:
    """What the page asked for: all but the housekeeping that Chromium does by itself (and the proxy refused)."""
    return [path for path in asked if not OWN.match(path)]


def test_the_set_up_would_notice(proxy: tuple[int, list[str]], tmp_path: Path) -> None:
    port, asked = proxy
    document = dom(f"<!doctype html><title>before</title><body>{ATTACK}", port, tmp_path)
    assert title(document) == "owned"
    assert len([path for path in fetched(asked) if MARK in path]) >= 3


def test_text_from_the_log_is_only_text(proxy: tuple[int, list[str]], tmp_path: Path) -> None:
    port, asked = proxy
    report = json.loads(SAMPLE.read_text(encoding="utf-8"))
    [campaign] = report["campaigns"]
    clean = render_html(copy.deepcopy(report))
    for family in campaign["families"]:
        family["example"] = ATTACK
    campaign["id"] = campaign["accounts"][0]["account"] = campaign["graph"]["nodes"][0]["id"] = ATTACK
    document = dom(render_html(report), port, tmp_path)
    assert title(document) == title(clean) != "owned"
    assert html.escape("<script>document.title='owned'</script>", quote=False) in document
    assert "<script" not in document
    assert "<img" not in document
    assert fetched(asked) == []


def test_the_policy_holds_even_if_escaping_failed(proxy: tuple[int, list[str]], tmp_path: Path) -> None:
    port, asked = proxy
    page = render_html(json.loads(SAMPLE.read_text(encoding="utf-8")))
    document = dom(page.replace("<main>", f"<main>{ATTACK}"), port, tmp_path)
    assert "<script" in document
    assert title(document) == title(page)
    assert fetched(asked) == []
