"""From a store to a bundle and its check, by the command line; and exports that are killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gauger.app import cli
from gauger.app.case_bundling import export, stamp_checkpoint
from gauger.app.case_logging import sign_checkpoint
from gauger.case.checkpoint import cosignature, parse_checkpoint, with_cosignature
from gauger.case.signed_note import WITNESS, parse_note
from gauger.edge.case.signing import SigningKey, new_key, write_key, write_public
from gauger.edge.case.store import Store, open_store
from gauger.verify import Trusted, verify
from tests.bundles import PLAN, evidence, evidence_body, key
from tests.timestamping import Authority

PAST = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)  # noqa: TID251 - authorities have this clock


def filled(store: Store, case: str = "C-1") -> None:
    """A plan, and nothing yet of what it is about."""
    store.enrol("mira", "analyst", time=PAST)
    store.new(case, time=PAST)
    plan = {"plan": PLAN, "schema": "gauger/ghost-plan/1", "subject": "model-x", "document": PLAN}
    store.append(case, "plan", plan, author="mira", time=PAST)


def judged(store: Store, case: str = "C-1", n: int = 1, time: datetime = PAST) -> None:
    rows = [("evidence", evidence_body(evidence(k))) for k in range(n)]
    store.append_all(case, rows, author="mira", time=time)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with open_store("cases.db") as store:
        filled(store)
        judged(store)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.run(words)
    out, err = capsys.readouterr()
    return code, out, err


def test_three_commands(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "case", "keygen", "log.key", "--name", "example.org/log", "--plain")[0] == 0
    code, out, _ = said(capsys, "case", "export", "C-1", "--out", "b", "--key-file", "log.key", "--json")
    assert code == 0
    assert json.loads(out)["bytes"] == (house / "b").stat().st_size
    assert (house / "b").stat().st_mode & 0o077 == 0
    code, out, _ = said(capsys, "verify", "b", "--key", "log.key.pub")
    assert code == 0
    assert "case C-1: VERIFIED" in out
    assert "which you trust" in out
    assert "10^-5.3" in out
    code, out, _ = said(capsys, "verify", "b", "--key", "log.key.pub", "--json")
    document = json.loads(out)
    assert (code, document["schema"], document["verified"], document["trusted"]) == (0, "gauger/verified/1", True, True)
    assert document["evidence"][0]["log10_false_alarm"] < -5


def test_no_number_is_rounded_to_more_than_it_is(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store("cases.db") as store:
        judged(store, n=9)
    assert said(capsys, "case", "export", "C-1", "--out", "b")[0] == 0
    table = said(capsys, "verify", "b")[1].partition("chance at most")[2]
    rows = [line.split()[-2:] for line in table.splitlines() if "10^-" in line]
    exact = [row["log10_e"] for row in json.loads(said(capsys, "verify", "b", "--json")[1])["evidence"]]
    assert len(rows) == len(exact) == 10
    for (number, chance), log10_e in zip(rows, exact, strict=True):
        assert log10_e - 0.01 < float(number) <= log10_e
        assert chance == f"10^-{number}"
    assert "if the null is true and nobody searched for the subject among many" in table


def test_a_bundle_without_a_key_of_the_log(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "case", "export", "C-1", "--out", "b")
    assert code == 0
    assert "no --key-file" in err
    code, out, _ = said(capsys, "verify", "b")
    assert code == 0
    assert "not whose it is" in out
    with open_store("cases.db") as store:
        assert store.checkpoints() == []  # a key that is forgotten signs nothing that is kept


def test_refusals(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "case", "keygen", "log.key", "--name", "example.org/log", "--plain")[0] == 0
    assert said(capsys, "case", "keygen", "w.key", "--name", "w.example.org", "--plain", "--witness")[0] == 0
    assert said(capsys, "case", "export", "C-1", "--out", "b", "--key-file", "log.key")[0] == 0
    assert said(capsys, "case", "export", "C-1", "--out", "b", "--key-file", "log.key")[0] == 2  # it is there
    assert said(capsys, "case", "export", "C-2", "--out", "c")[0] == 2
    assert said(capsys, "case", "export", "C-1", "--out", "c", "--key-file", "w.key")[0] == 2
    assert said(capsys, "case", "export", "C-1", "--out", "c", "--tsa", "http://127.0.0.1:9/")[0] == 3
    assert not (house / "c").exists()
    data = (house / "b").read_bytes()
    (house / "altered").write_bytes(data[:900] + bytes([data[900] ^ 1]) + data[901:])
    (house / "newer").write_bytes(data.replace(b"gauger/bundle/1", b"gauger/bundle/2"))
    for words, why in (
        (("altered",), "NOT VERIFIED"),
        (("newer",), "gauger/bundle/2"),
        (("b", "--key", "w.key.pub"), "unknown signer"),
        (("b", "--at", "2020-01-01"), "one clock is wrong"),
    ):
        code, out, err = said(capsys, "verify", *words)
        assert (code, out) == (4, "")
        assert why in err
    for words in (("nowhere",), ("b", "--at", "soon"), ("b", "--key", "b"), ("b", "--tsa-root", "log.key.pub")):
        assert said(capsys, "verify", *words)[0] == 2


def test_keys_in_pem(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = new_key("example.org/log")
    write_key(house / "log.key", mine, None, plain=True)
    assert said(capsys, "case", "export", "C-1", "--out", "b", "--key-file", "log.key")[0] == 0
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    public = Ed25519PublicKey.from_public_bytes(mine.public.public)
    (house / "public.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert said(capsys, "verify", "b", "--key", "public.pem")[0] == 0
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "house")])
    for until, code in ((PAST + timedelta(days=1), 0), (PAST - timedelta(days=1), 4)):
        builder = x509.CertificateBuilder(name, name, public, 7, PAST - timedelta(days=9), until)
        (house / "house.pem").write_bytes(builder.sign(key("ca"), None).public_bytes(Encoding.PEM))
        assert said(capsys, "verify", "b", "--key", "house.pem")[0] == code


def test_a_plan_that_was_stamped_and_cosigned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority(tmp_path, "Example Authority")
    mine, watch = new_key("example.org/log"), new_key("watch.example.org", WITNESS)
    write_public(tmp_path / "log.pub", mine.public)
    write_public(tmp_path / "watch.pub", watch.public)
    (tmp_path / "root.pem").write_bytes(authority.root)
    with open_store(tmp_path / "cases.db") as store, authority.serving() as url:
        filled(store)
        number, text = sign_checkpoint(store, mine)
        stamp_checkpoint(store, number, text, url)
        cosigned(store, mine, watch, at=PAST)
        filled(store, "C-2")  # the log is everybody's
        now = datetime.now(UTC) + timedelta(seconds=2)  # noqa: TID251 - what was measured came after the stamp
        judged(store, time=now)
        for witnesses in ((), (watch.public,)):
            data = export(store, "C-1", mine, time=lambda: now, witnesses=witnesses, authorities=[url])
            known = [Trusted(public=w.public, witness=True, name=w.name) for w in witnesses]
            found = verify(data, [Trusted(public=mine.public.public), *known], now, [authority.root])
            who = "witness watch.example.org" if witnesses else "time-stamping authority"
            assert any("its plan (entry 0) was in the log by" in c and who in c for c in found.proven)
            assert sum(" there at " in claim for claim in found.proven) == 3 + len(witnesses)
    (tmp_path / "b").write_bytes(data)
    words = ["--key", "log.pub", "--key", "watch.pub", "--tsa-root", "root.pem"]
    words = [str(tmp_path / word) if "." in word and word[0] != "-" else word for word in words]
    code, out, _ = said(capsys, "verify", str(tmp_path / "b"), *words)
    assert code == 0
    assert "the chain of custody was there at" in out


def test_a_checkpoint_that_an_authority_dates(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_key(house / "log.key", new_key("example.org/log"), None, plain=True)
    with Authority(house, "Example Authority").serving() as url:
        assert said(capsys, "case", "checkpoint", "--key-file", "log.key", "--tsa", url)[0] == 0
    with open_store("cases.db") as store:
        assert [(s.checkpoint, s.authority) for s in store.stamps()] == [(0, url)]
    assert said(capsys, "case", "export", "C-1", "--out", "b", "--key-file", "log.key")[0] == 0
    root = "Example Authority/root.pem"
    code, out, _ = said(capsys, "verify", "b", "--tsa-root", root)
    assert code == 0
    assert "the first 2 of the case's 2 entries (the log's first 2) were there at" in out
    with open_store("cases.db") as store:
        filled(store, "C-2")
    assert said(capsys, "case", "export", "C-1", "--out", "later", "--key-file", "log.key")[0] == 0
    assert "the log's first 2) were there at" in said(capsys, "verify", "later", "--tsa-root", root)[1]


def cosigned(store: Store, mine: SigningKey, *witnesses: SigningKey, at: datetime) -> None:
    """A checkpoint of the store as it is, which these witnesses saw."""
    _, text = sign_checkpoint(store, mine)
    point = parse_checkpoint(parse_note(text).text)
    for w in witnesses:
        text = with_cosignature(text, cosignature(point, w.public, w.sign, int(at.timestamp())))
    store.keep_checkpoint(text, size=point.size)


def test_a_bundle_holds_what_each_witness_dates(tmp_path: Path) -> None:
    mine, early, late = new_key("example.org/log"), new_key("early", WITNESS), new_key("late", WITNESS)
    with open_store(tmp_path / "cases.db") as store:
        filled(store, "other")  # whose entry is the log's first
        cosigned(store, mine, late, at=PAST)
        store.new("C-1", time=PAST)
        for k in range(3):
            store.append("C-1", "note", {"text": f"n{k}"}, author="mira", time=PAST)
            cosigned(store, mine, early, *[late] * (k == 2), at=PAST)
        store.append("other", "note", {"text": "more"}, author="mira", time=PAST)
        cosigned(store, mine, early, late, at=PAST)

        def dated() -> list[str]:
            data = export(store, "C-1", mine, time=lambda: PAST, witnesses=[early.public, late.public])
            keys = [Trusted(public=w.public.public, witness=True, name=w.public.name) for w in (early, late)]
            proven = verify(data, [Trusted(public=mine.public.public), *keys], PAST).proven
            return [claim.partition(" were there")[0] for claim in proven if "were there" in claim]

        assert (
            dated()
            == ["the first 3 of the case's 3 entries (the log's first 4)"] * 2
            + ["the first 3 of the case's 3 entries (the log's first 5)"] * 2
        )
        store.append("C-1", "note", {"text": "undated"}, author="mira", time=PAST)
        assert dated() == ["the first 3 of the case's 4 entries (the log's first 5)"] * 2


def test_a_plan_that_was_dated_after_its_first_evidence_is_so_for_the_next(tmp_path: Path) -> None:
    mine, watch = new_key("example.org/log"), new_key("watch", WITNESS)
    with open_store(tmp_path / "cases.db") as store:
        filled(store)
        judged(store)
        cosigned(store, mine, watch, at=PAST)
        now = PAST + timedelta(minutes=1)
        store.append("C-1", "evidence", evidence_body(evidence(7)), author="mira", time=now)
        data = export(store, "C-1", mine, time=lambda: now, witnesses=[watch.public])
    keys = [Trusted(public=mine.public.public), Trusted(public=watch.public.public, witness=True)]
    first, second = (row["plan"] for row in verify(data, keys, now).numbers)
    assert "nobody you trust says that it was first" in first
    assert "it says that it came after" in second


KILLED = """
import sys
from pathlib import Path
from gauger.app.case_bundling import write_bundle
data = Path(sys.argv[1]).read_bytes()
print("ready", flush=True)
for k in range(10**6):
    write_bundle(Path(sys.argv[2]) / str(k), data)
"""


def kill_often(tmp_path: Path, times: int) -> None:
    """Kill exports at random points: what has its name is whole."""
    with open_store(tmp_path / "cases.db") as store:
        filled(store)
        judged(store)
        mine = new_key("example.org/log")
        now = datetime.now(UTC)  # noqa: TID251
        data = export(store, "C-1", mine, time=lambda: now)
    (tmp_path / "whole").write_bytes(data)
    rng, written = random.Random(9), 0
    for at in range(times):
        out = tmp_path / str(at)
        out.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "whole"), str(out)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
        for path in out.iterdir():
            if not path.name.startswith("."):
                assert path.read_bytes() == data
                written += 1
    assert written


def test_a_killed_export_leaves_no_half_file(tmp_path: Path) -> None:
    kill_often(tmp_path, 1)


@pytest.mark.slow
def test_killed_exports_leave_no_half_files(tmp_path: Path) -> None:
    kill_often(tmp_path, 200)


def test_the_benchmark_runs(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "bench" / "case_bundle.py"
    words = ["--out", str(tmp_path / "out.json"), "--evidences", "2", "--mutations", "3"]
    made = subprocess.run(
        [sys.executable, str(script), *words], capture_output=True, text=True, check=True, timeout=120
    )
    figures = json.loads(made.stdout)
    assert [row["passed"] for row in figures["mutations"]] == [0, 0, 0]
    assert {row["evidences"] for row in figures["sizes"]} == {2}
