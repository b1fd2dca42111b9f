"""A notice from form to recipient: refused until complete and approved, sent once over real SMTP, tracked, disputed."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gauger.app import case_noticing, cli
from gauger.app.case_noticing import keep, prepared, read_notice, send
from gauger.case.notices.registry import KINDS
from gauger.case.notices.states import attempts, sent
from gauger.edge.case.mail import Server
from gauger.edge.case.store import open_store
from gauger.errors import ConfigError, ExchangeError, InputError
from gauger.model import digest
from tests.notice_forms import ACCESSES, FORMS

smtpd = pytest.importorskip("aiosmtpd.smtp", reason="needs aiosmtpd, a mail server")
controller = pytest.importorskip("aiosmtpd.controller")

CASE = "C-1"


@dataclass
class Mailbox:
    """What a mail server was given, and how it answers."""

    mails: list[bytes] = field(default_factory=list)
    rcpt: str = ""
    answer: str = "250 taken"
    before: Callable[[], None] = lambda: None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.before()
        self.mails.append(envelope.content)
        if self.answer == "abort":
            server.transport.abort()
        return self.answer


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - what the program does


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def serving(box: Mailbox, **more: Any) -> Iterator[int]:
    port = free_port()
    server = controller.Controller(box, hostname="127.0.0.1", port=port, **more)
    server.start()
    try:
        yield port
    finally:
        server.stop(no_assert=True)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(box: Mailbox) -> Iterator[int]:
    with serving(box) as number:
        yield number


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store: mira the analyst, ruth the reviewer, cora the counsel, and an empty case."""
    folder = tmp_path_factory.mktemp("store")
    with open_store(folder / "cases.db") as store:
        for name, role in (("mira", "analyst"), ("ruth", "reviewer"), ("cora", "counsel")):
            store.enrol(name, role)
        store.new(CASE, time=now())
    return folder


@pytest.fixture
def room(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAUGER_STORE", "cases.db")
    monkeypatch.setenv("GAUGER_AUTHOR", "mira")
    shutil.copytree(empty, tmp_path, dirs_exist_ok=True)
    (tmp_path / "accesses.csv").write_bytes(ACCESSES)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run_(*args: str) -> tuple[int, str, str]:
        code = cli.run(["case", "notice", *args])
        out, err = capsys.readouterr()
        return code, out, err

    return run_


def form(path: Path, kind: str, **changed: Any) -> Path:
    given = {k: v for k, v in {**FORMS[kind], **changed}.items() if v is not None}
    path.write_text(json.dumps(given, default=str))
    return path


def drafted(
    room: Path, kind: str = "abuse-report", name: str = "n-1", approve: tuple[str, ...] = ("ruth", "cora")
) -> Path:
    """A draft, approved by these people."""
    fields = form(room / f"{name}-form.json", kind, **({"answer_by": "2099-01-01"} if kind == "cacao" else {}))
    path = room / f"{name}.json"
    at = now().replace(microsecond=0)
    with open_store("cases.db") as store:
        given = json.loads(fields.read_text())
        rows = room / "accesses.csv" if KINDS[kind].accesses == "required" else None
        document = prepared(store.case(CASE), KINDS[kind], given, name=name, time=at, accesses=rows)
        entry = keep(store, CASE, document, path, author="mira", time=at, overwrite=False)
        for who in approve:
            store.append(CASE, "review", {"of": digest(entry), "verdict": "approve"}, author=who, time=at)
    return path


def test_from_a_form_to_the_recipient_and_never_twice(room: Path, run: Any, box: Mailbox, port: int) -> None:
    code, out, _ = run("draft", "abuse-report", "--template")
    assert code == 0
    (room / "form.toml").write_text(out)
    say = ["draft", "abuse-report", "--case", CASE, "--out", "n-1.json", "--fields"]
    code, _, err = run(*say, "form.toml")
    assert code == 2
    assert not (room / "n-1.json").exists()
    for needed in (f for f in KINDS["abuse-report"].fields if f.need == "required"):
        assert f"{needed.name}: is missing. {needed.meaning}" in err
    assert "accesses: are missing" in err

    form(room / "form.json", "abuse-report")
    code, out, err = run(*say, "form.json", "--accesses", "accesses.csv")
    assert code == 0, err
    entry = out.strip().rpartition(" ")[2]
    assert (room / "n-1.json").stat().st_mode & 0o777 == 0o600
    assert "mind: accesses.csv holds addresses" in err
    code, out, _ = run("show", "n-1.json")
    assert digest((room / "n-1.json").read_bytes()) in out
    assert "WHAT WE DO NOT CLAIM" in out

    mail = ["send", "n-1.json", "--smtp", f"127.0.0.1:{port}", "--insecure-loopback"]
    for who in ("ruth", "cora"):
        code, _, err = run(*mail)
        assert code == 2
        assert "two people" in err
        assert box.mails == []
        assert cli.run(["case", "add", "review", CASE, entry, "approve", "--author", who]) == 0
    code, out, err = run(*mail)
    assert code == 0, err
    assert len(box.mails) == 1
    assert b"accesses.csv" in box.mails[0]
    code, out, _ = run(*mail)
    assert code == 0
    assert "nothing was sent now" in out
    assert run("send", "n-1.json")[1].startswith("It went out before")
    assert len(box.mails) == 1

    code, out, _ = run("track", "--json")
    row = json.loads(out)["notices"][0]
    assert (code, row["state"], row["overdue"], row["to"]) == (0, "sent", False, "abuse@cloud-a.example")
    assert datetime.fromisoformat(row["due"]) > now() + timedelta(days=13)


def test_an_approval_is_of_that_very_document(room: Path, run: Any) -> None:
    path = drafted(room)
    altered = path.read_bytes().replace(b"cloud-a.example", b"cloud-z.example")
    (room / "other.json").write_bytes(altered)
    code, _, err = run("send", "other.json")
    assert code == 2
    assert "nobody can have approved it" in err
    (room / "spoilt.json").write_bytes(altered.replace(b'"kind":', b'"kind": '))
    assert run("send", "spoilt.json")[0] == 2
    assert run("draft", "abuse-report", "--case", CASE, "--fields", "n-1-form.json", "--out", "n-1.json", "--overwrite",
               "--accesses", "accesses.csv")[0] == 0  # fmt: skip
    code, _, err = run("send", "n-1.json")
    assert code == 2
    assert "two people" in err, "a new draft is approved anew"
    assert not list(room.glob("*.txt"))


def test_by_file_each_part_lies_beside_for_its_owner_only(room: Path, run: Any) -> None:
    path = drafted(room)
    code, out, err = run("send", path.name, "--due", "2099-01-01")
    assert code == 0, err
    for name in ("n-1.notice.txt", "n-1.accesses.csv"):
        assert (room / name).stat().st_mode & 0o777 == 0o600
        assert name in out
    parts = read_notice(path)[0].parts
    assert [(room / f"n-1.{p.name}").read_bytes() for p in parts] == [p.text.encode() for p in parts]
    assert "2099-01-01" in run("track", CASE)[1]


def test_a_reviewer_sends_nothing_and_nobody_sends_from_a_closed_case(room: Path, run: Any) -> None:
    path = drafted(room)
    code, _, err = run("send", path.name, "--author", "ruth")
    assert code == 2
    assert "reviewer" in err
    with open_store("cases.db") as store:
        store.append(CASE, "close", {"why": "settled"}, author="cora", time=now())
    assert run("send", path.name)[0] == 2
    assert not (room / "n-1.notice.txt").exists()


def test_what_certainly_did_not_go_out_may_be_sent_again(room: Path, run: Any, box: Mailbox, port: int) -> None:
    path = drafted(room)
    mail = ["send", path.name, "--smtp", f"127.0.0.1:{port}", "--insecure-loopback"]
    box.rcpt = "550 no such user"
    code, _, err = run(*mail)
    assert (code, "that recipient (550)" in err) == (3, True)
    box.rcpt, box.answer = "", "554 spam"
    assert run(*mail)[0] == 3
    assert run("send", path.name, "--smtp", f"127.0.0.1:{free_port()}", "--insecure-loopback")[0] == 3
    box.answer = "250 taken"
    assert run(*mail)[0] == 0
    assert len(box.mails) == 2  # one of them refused


@pytest.mark.parametrize("answer", ["abort", "what?"])
def test_what_may_have_gone_out_is_asked_about(room: Path, run: Any, box: Mailbox, port: int, answer: str) -> None:
    path = drafted(room)
    mail = ["send", path.name, "--smtp", f"127.0.0.1:{port}", "--insecure-loopback"]
    box.answer = answer
    code, _, err = run(*mail)
    assert code == 3
    assert "may have gone out" in err
    code, _, err = run(*mail)
    assert code == 2
    assert "--it-went" in err
    assert len(box.mails) == 1
    assert "cut off" in " ".join(run("track")[1].split())
    assert run("send", path.name, "--it-went", "--it-did-not")[0] == 2
    assert run("send", path.name, "--it-did-not")[0] == 0
    box.answer = "250 taken"
    assert run(*mail)[0] == 0
    assert run("send", path.name, "--it-went")[0] == 2, "no attempt is open any more"


def test_killed_after_the_server_took_it(room: Path, run: Any, box: Mailbox, port: int) -> None:
    path = drafted(room)
    started = threading.Event()
    child: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        assert started.wait(20)
        child[0].send_signal(signal.SIGKILL)
        child[0].wait(20)

    box.before = kill
    args = ["case", "notice", "send", path.name, "--smtp", f"127.0.0.1:{port}", "--insecure-loopback"]
    code = f"from gauger.app import cli; raise SystemExit(cli.run({args!r}))"
    child.append(subprocess.Popen([sys.executable, "-c", code], cwd=room, env=dict(os.environ)))
    started.set()
    assert child[0].wait(60) == -signal.SIGKILL
    code_, _, err = run(*args[2:])
    assert code_ == 2
    assert "--it-went or --it-did-not" in err
    assert run("send", path.name, "--it-went")[0] == 0
    assert "It went out before" in run(*args[2:])[1]
    assert len(box.mails) == 1


def test_of_two_who_send_at_once_one_does(room: Path, box: Mailbox, port: int) -> None:
    path = drafted(room)
    barrier, said = threading.Barrier(2), list[str]()

    def one() -> None:
        with open_store("cases.db") as store:
            barrier.wait()
            try:
                server = Server(host="127.0.0.1", port=port, plain=True)
                said.append(send(store, path, author="mira", clock=now, server=server).how)
            except (ConfigError, ExchangeError) as error:
                said.append(str(error))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_store("cases.db") as store:
        case = store.case(CASE)
    assert len(box.mails) <= 1
    assert (sent(case, "n-1") is not None) == (len(box.mails) == 1)
    assert attempts(case, "n-1") == []


class Meanwhile:
    """A store, and what somebody else writes into it just before the note that a notice is about to go out."""

    def __init__(self, store: Any, act: Callable[[], object]) -> None:
        self._store, self._acts = store, [act]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, case: str, kind: str, body: Any, **more: Any) -> Any:
        if "sending" in body and self._acts:
            self._acts.pop()()
        return self._store.append(case, kind, body, **more)


def test_an_attempt_steps_back_before_an_earlier_one(room: Path) -> None:
    """The other's note comes between the look and ours: the earlier one goes on."""
    path = drafted(room)
    other = {"text": "about to go", "sending": read_notice(path)[1], "notice": "n-1"}
    with open_store("cases.db") as store:
        between = Meanwhile(store, lambda: store.append(CASE, "note", other, author="cora", time=now()))
        with pytest.raises(ExchangeError, match="somebody else"):
            send(between, path, author="mira", clock=now, server=None)
        assert [e.author for e in attempts(store.case(CASE), "n-1")] == ["cora"]
    assert not (room / "n-1.notice.txt").exists()


@pytest.mark.parametrize(
    ("kind", "author", "changed"),
    [
        ("review", "ruth", {"verdict": "reject"}),
        ("appeal", "ruth", {"by": "them", "why": "not us"}),
        ("close", "cora", {"why": "settled"}),
        ("notice", "mira", {"state": "withdrawn"}),
        ("person", "ruth", {}),
    ],
)
def test_what_forbids_it_between_the_look_and_the_note_stops_it(
    room: Path, kind: str, author: str, changed: Any
) -> None:
    path = drafted(room)
    with open_store("cases.db") as store:
        draft = next(e for e in store.case(CASE).entries if e.kind == "notice")
        body = {**(draft.body if kind == "notice" else {"of": digest(draft)}), **changed}

        def act() -> None:
            if kind == "person":
                store.enrol(author, "")
            else:
                store.append(CASE, kind, body, author=author, time=now())

        with pytest.raises(ConfigError):
            send(Meanwhile(store, act), path, author="mira", clock=now, server=None)
        assert (attempts(store.case(CASE), "n-1"), sent(store.case(CASE), "n-1")) == ([], None)
    assert not (room / "n-1.notice.txt").exists()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for 127.0.0.1, and the file by which it is trusted."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(secret + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, folder / "ca.pem"


def test_mail_goes_over_tls_that_is_trusted_or_not_at_all(
    room: Path, run: Any, box: Mailbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drafted(room)
    context, ca = certificate(room)
    logins: list[Any] = []

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        logins.append((data.login, data.password, session.ssl is not None))
        return smtpd.AuthResult(success=data.password == b"right", handled=False)

    more = {"tls_context": context, "require_starttls": True, "authenticator": login, "auth_required": True}
    with serving(box, **more) as tls:
        to = ["send", path.name, "--smtp", f"127.0.0.1:{tls}"]
        assert "no TLS that can be trusted" in run(*to)[2]
        assert "offers no TLS" in run("send", path.name, "--smtp", f"127.0.0.1:{port}", "--ca", str(ca))[2]
        assert box.mails == []
        monkeypatch.setenv("MAIL_PASSWORD", "wrong")
        user = ["--ca", str(ca), "--user", "mira", "--password-env", "MAIL_PASSWORD"]
        assert "user and password" in run(*to, *user)[2]
        monkeypatch.setenv("MAIL_PASSWORD", "right")
        code, _, err = run(*to, *user)
        assert code == 0, err
    assert len(box.mails) == 1
    assert logins[-1] == (b"mira", b"right", True)


COUNTER = {
    "signature": "Kim Doe",
    "material": "handbook.pdf",
    "location": ["https://files.example/d/handbook.pdf"],
    "mistake_under_penalty_of_perjury": True,
    "name": "Kim Doe",
    "postal_address": "2 Main Street",
    "telephone": "+1 555 0101",
    "jurisdiction": True,
    "service_of_process": True,
}


def test_a_counter_notice_starts_the_clock_and_holds_what_is_not_out(room: Path, run: Any) -> None:
    gone, waiting = drafted(room, "dmca", "n-1"), drafted(room, "dsa", "n-2")
    assert run("send", gone.name)[0] == 0
    (room / "counter.json").write_text(json.dumps({**COUNTER, "received": "2026-03-02"}))
    code, out, err = run("objection", CASE, "n-1", "counter-notice", "--fields", "counter.json")
    assert code == 0, err
    assert "from 2026-03-16" in out
    assert "by 2026-03-20" in out
    with open_store("cases.db") as store:
        entries = len(store.case(CASE).entries)
        assert "Kim" not in str(store.case(CASE)), "names stay in the file"
    assert run("objection", CASE, "n-1", "counter-notice", "--fields", "counter.json")[0] == 0
    with open_store("cases.db") as store:
        assert len(store.case(CASE).entries) == entries, "the same file is taken in once"
    code, out, _ = run("track", "--json")
    told = json.loads(out)
    assert code == 1, "the clock has run out"
    assert [(n["notice"], n["state"], n["overdue"]) for n in told["notices"]] == [
        ("n-1", "counter-notice", True),
        ("n-2", "drafted", False),
    ]
    assert (told["notices"][0]["due"], told["notices"][0]["until"]) == ("2026-03-16T00:00:00Z", "2026-03-20T00:00:00Z")
    code, _, err = run("send", waiting.name)
    assert code == 2
    assert "on hold" in err

    (objection,) = told["objections"]
    decide = ["decide", CASE, objection["digest"], "wrong", "--why", "the licence had ended"]
    assert run(*decide)[0] == 2, "mira drafted it, and is an analyst"
    assert run(*decide, "--author", "ruth")[0] == 0
    assert run("send", waiting.name)[0] == 0


def test_a_mistaken_identity_is_looked_at_by_another_and_the_notice_taken_back(room: Path, run: Any) -> None:
    drafted(room, "abuse-report", "n-1")
    assert run("send", "n-1.json")[0] == 0
    fields = {"received": "2026-03-02", "who": "address-holder", "what": "Kim has had that address only since April."}
    (room / "said.json").write_text(json.dumps(fields))
    code, out, _ = run("objection", CASE, "n-1", "mistaken-identity", "--fields", "said.json")
    assert code == 0
    number = out.split()[1]
    assert run("decide", CASE, number, "right", "--why", "the address was reassigned", "--author", "ruth")[0] == 0
    back = drafted(room, "withdrawal", "n-9")
    assert run("send", back.name)[0] == 0
    assert run("record", CASE, "n-1", "withdrawn", "--why", "mistaken identity")[0] == 0
    code, out, _ = run("track", CASE, "--json")
    assert {n["notice"]: n["state"] for n in json.loads(out)["notices"]} == {"n-1": "withdrawn", "n-9": "sent"}


def test_a_draft_to_which_somebody_objects_waits_and_may_then_go(room: Path, run: Any) -> None:
    path = drafted(room)
    (room / "said.json").write_text(json.dumps({"received": "2026-03-02", "who": "other", "what": "No."}))
    assert run("objection", CASE, "n-1", "mistaken-identity", "--fields", "said.json")[0] == 0
    told = json.loads(run("track", "--json")[1])
    assert told["notices"][0]["state"] == "drafted"
    assert "waits for a decision" in told["notices"][0]["held"]
    assert run("send", path.name)[0] == 2
    assert run("decide", CASE, told["objections"][0]["digest"], "wrong", "--why", "x", "--author", "cora")[0] == 0
    assert run("send", path.name)[0] == 0


def test_the_same_words_against_another_notice_or_after_a_decision_are_heard_anew(room: Path, run: Any) -> None:
    path = drafted(room)
    drafted(room, name="n-2")
    (room / "said.json").write_text(json.dumps({"received": "2026-03-02", "who": "other", "what": "No."}))
    waiting = []
    for name in ("n-1", "n-2", "n-2"):
        assert run("objection", CASE, name, "mistaken-identity", "--fields", "said.json")[0] == 0
        waiting.append(len(json.loads(run("track", "--json")[1])["objections"]))
    assert waiting == [1, 2, 2]
    for objection in json.loads(run("track", "--json")[1])["objections"]:
        assert run("decide", CASE, objection["digest"], "wrong", "--why", "x", "--author", "ruth")[0] == 0
    assert run("objection", CASE, "n-1", "mistaken-identity", "--fields", "said.json")[0] == 0
    code, _, err = run("send", path.name)
    assert (code, "on hold" in err) == (2, True)


def test_nothing_is_drafted_over_an_attempt_of_unknown_end(room: Path, run: Any) -> None:
    path = drafted(room)
    with open_store("cases.db") as store:
        body = {"text": "about to go", "sending": read_notice(path)[1], "notice": "n-1"}
        store.append(CASE, "note", body, author="mira", time=now())
    again = ["draft", "abuse-report", "--case", CASE, "--fields", "n-1-form.json", "--accesses", "accesses.csv"]
    code, _, err = run(*again, "--out", "new.json", "--name", "n-1")
    assert code == 2
    assert "cut off" in err
    (room / "other.json").write_bytes(path.read_bytes().replace(b"cloud-a.example", b"cloud-z.example"))
    code, _, err = run("send", "other.json", "--it-went")
    assert code == 2
    assert "another document" in err
    assert run("send", path.name, "--it-went")[0] == 0


def test_a_draft_that_was_withdrawn_does_not_go_out(room: Path, run: Any) -> None:
    path = drafted(room)
    assert run("record", CASE, "n-1", "withdrawn", "--why", "not needed")[0] == 0
    code, _, err = run("send", path.name)
    assert code == 2
    assert "withdrawn" in err
    assert not (room / "n-1.notice.txt").exists()


def test_counsel_who_drafted_does_not_decide(room: Path, run: Any) -> None:
    form(room / "form.json", "dsa")
    say = ["draft", "dsa", "--case", CASE, "--fields", "form.json", "--out", "n-1.json", "--author", "cora"]
    assert run(*say)[0] == 0
    (room / "said.json").write_text(json.dumps({"received": "2026-03-02", "who": "other", "what": "No."}))
    code, out, _ = run("objection", CASE, "n-1", "mistaken-identity", "--fields", "said.json")
    decide = ["decide", CASE, out.split()[1], "wrong", "--why", "x", "--author"]
    code, _, err = run(*decide, "cora")
    assert (code, "does not decide" in err) == (2, True)
    assert run(*decide, "ruth")[0] == 0
    assert run(*decide, "ruth")[0] == 2, "it is decided"


def test_what_xarf_refuses_is_not_drafted(room: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def refusing(text: str, source: str) -> None:
        seen.append(json.loads(text)["xarf_version"])
        raise InputError("is no XARF 4.2 report", source=source)

    monkeypatch.setattr(case_noticing, "checked_xarf", refusing)
    form(room / "form.json", "xarf-connection")
    code, _, err = run("draft", "xarf-connection", "--case", CASE, "--fields", "form.json", "--out", "x.json")
    assert (code, seen, "no XARF" in err) == (2, ["4.2.0"], True)
    assert not (room / "x.json").exists()


def test_a_clock_a_little_behind_does_not_lose_what_was_sent(room: Path) -> None:
    path = drafted(room)
    with open_store("cases.db") as store:
        store.append(
            CASE, "note", {"text": "from a machine that is ahead"}, author="cora", time=now() + timedelta(seconds=30)
        )
        assert send(store, path, author="mira", clock=now, server=None).how == "file"
        assert sent(store.case(CASE), "n-1") is not None


def test_what_came_back_is_recorded_in_order(room: Path, run: Any) -> None:
    path = drafted(room)
    assert run("record", CASE, "n-1", "acknowledged")[0] == 2, "it is not sent"
    assert run("send", path.name)[0] == 0
    (room / "answer.eml").write_bytes(b"We look at it.")
    assert run("record", CASE, "n-1", "acknowledged", "--document", "answer.eml")[0] == 0
    assert run("record", CASE, "n-1", "due")[0] == 2, "when?"
    assert run("record", CASE, "n-1", "due", "--due", "2026-01-01", "--why", "they asked for time")[0] == 0
    code, out, _ = run("track")
    assert (code, "OVERDUE 2026-01-01" in out) == (1, True)
    assert run("record", CASE, "n-1", "refused")[0] == 0
    assert run("track")[0] == 0
    assert run("record", CASE, "n-1", "sent")[0] == 2
    assert run("record", CASE, "n-7", "refused")[0] == 2
    with open_store("cases.db") as store:
        states = [e.body["state"] for e in store.case(CASE).entries if e.kind == "notice"]
    assert states == ["drafted", "sent", "acknowledged", "due", "refused"]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("abuse-report", "dmca")])
def test_every_kind_is_drafted_kept_and_read_again(room: Path, run: Any, kind: str) -> None:
    path = drafted(room, kind)
    notice, of = read_notice(path)
    assert (notice.kind, of) == (kind, digest(path.read_bytes()))
    assert run("send", path.name)[0] == 0


def test_kinds_and_forms_are_listed(run: Any, room: Path) -> None:
    code, out, _ = run("kinds", "--json")
    assert code == 0
    assert [k["id"] for k in json.loads(out)["kinds"]] == list(KINDS)
    code, out, _ = run("kinds")
    assert all(kind in out for kind in KINDS)
    for name in ("counter-notice", "mistaken-identity"):
        assert run("draft", name, "--template")[0] == 0
    assert run("draft", "subpoena", "--template")[0] == 2
    assert run("draft", "dsa")[0] == 2
    (room / "x.toml").write_text("a = ")
    code, _, err = run("draft", "dsa", "--case", CASE, "--fields", "x.toml", "--out", "x.json")
    assert (code, "no TOML" in err) == (2, True)
