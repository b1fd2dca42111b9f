"""`gauger case new|add|show|people|replay` as a user runs them: from documents to a chain, and back to the numbers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gauger.app import cli
from gauger.app.case_documents import campaign_rows, evidence_rows, plan_rows
from gauger.case.entries import following, verify_chain
from gauger.case.reporting.reading import read
from gauger.edge.case.store import open_store
from gauger.errors import ConfigError, InputError
from gauger.model import Case, Entry, digest, to_plain
from gauger.watermark.keys import KeyContext

Gauger = Callable[..., tuple[int, str, str]]
SCAN = Path(__file__).parents[2] / "data" / "scan_report.json"
CONTEXT = KeyContext(tenant="lab", party="fleet", epoch="1", model="m", tokenizer="t", scheme="gumbel")


@pytest.fixture
def gauger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gauger:
    monkeypatch.chdir(tmp_path)
    for name in ("GAUGER_DEBUG", "GAUGER_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GAUGER_AUTHOR", "mira")
    monkeypatch.setenv("MASTER", bytes(range(32)).hex())

    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(list(args))
        return code, *capsys.readouterr()

    return run


def said(gauger: Gauger, *args: str) -> Any:
    code, out, err = gauger(*args, "--json")
    assert code == 0, err
    return json.loads(out)


def scan_folder() -> Path:
    folder = Path("scan")
    folder.mkdir()
    found = json.loads(SCAN.read_text())
    found["campaigns"] = [
        {**c, "families": [{**f, "example": "SECRET"} for f in c["families"]]} for c in found["campaigns"]
    ]
    (folder / "report.json").write_text(json.dumps(found))
    return folder


def detected(gauger: Gauger, name: str = "detect.json") -> Path:
    """A document of `watermark detect`, whose inputs are here."""
    rng = np.random.default_rng(1)
    Path("texts.jsonl").write_text(
        "".join(json.dumps({"tokens": rng.integers(0, 99, 60).tolist()}) + "\n" for _ in range(3))
    )
    of = [word for field, value in asdict(CONTEXT).items() for word in (f"--{field}", value)]
    code, out, err = gauger("watermark", "detect", "--tokens", "texts.jsonl", *of, "--master-env", "MASTER", "--json")
    assert (code, err) == (0, "")
    Path(name).write_text(out)
    return Path(name)


def test_a_case_from_a_scan_holds_records_and_digests_and_no_prompt(gauger: Gauger) -> None:
    folder = scan_folder()
    made = said(gauger, "case", "new", "C-1", "--scan", str(folder))
    campaign, *evidence = made["entries"]
    report = json.loads((folder / "report.json").read_text())["campaigns"][0]
    assert campaign["body"]["campaign"]["id"] == report["id"]
    assert campaign["body"]["document"] == digest((folder / "report.json").read_bytes())
    assert [e["body"]["evidence"]["null"] for e in evidence] == [e["null"] for e in report["evidence"]]
    assert all(
        e["body"]["evidence"]["log_e"] / np.log(10) == pytest.approx(r["log10_e"])
        for e, r in zip(evidence, report["evidence"], strict=True)
    )
    assert "SECRET" not in Path("cases.db").read_bytes().decode(errors="replace")
    shown = said(gauger, "case", "show", "C-1")
    assert [e["digest"] for e in shown["entries"]] == [e["digest"] for e in made["entries"]]
    assert said(gauger, "case", "show")["cases"] == [
        {"case": "C-1", "closed": False, "entries": len(made["entries"]), "head": made["entries"][-1]["digest"]}
    ]
    code, out, _ = gauger("case", "show", "C-1")
    assert code == 0
    assert "The chain of 4 entries holds" in out


def test_what_is_said_beside_a_campaign_and_a_mark(gauger: Gauger) -> None:
    folder = scan_folder()
    said(gauger, "case", "new", "C-1")
    add = ("case", "add", "campaign", "C-1", str(folder))
    assert gauger(*add, "--cached", "0.9")[0] == 2
    assert gauger(*add, "--price-list", "x")[0] == 2
    campaign, *rest = said(gauger, *add, "--cached", "0.9", "--price-list", "of April")["entries"]
    assert campaign["body"]["discounts"] == {"cached": 0.9, "source": "of April"}
    assert not any("discounts" in e["body"] for e in rest)
    Path("contexts.csv").write_text("tenant,party,epoch,model,tokenizer,scheme\nlab,fleet,1,m,t,gumbel\n")
    commit = ("watermark", "commit", "--contexts", "contexts.csv", "--out", "committed", "--master-env", "MASTER")
    assert gauger(*commit)[0] == 0
    path = detected(gauger)
    record = Path("committed/commitment.json")
    (mark,) = said(gauger, "case", "add", "evidence", "C-1", str(path), "--commitment", str(record))["entries"]
    assert mark["body"]["commitment"] == digest(record.read_bytes().rstrip(b"\n"))
    (plan,) = said(gauger, "case", "add", "plan", "C-1", str(record))["entries"]
    assert plan["body"]["plan"] == mark["body"]["commitment"]
    assert gauger("case", "add", "plan", "C-1", str(path))[0] == 2
    (note,) = said(gauger, "case", "add", "note", "C-1", "a gap", "--document", str(path))["entries"]
    assert note["body"]["document"] == digest(path.read_bytes())


def test_a_campaign_that_is_added_again_stands_in_the_place_of_the_first(gauger: Gauger) -> None:
    folder = scan_folder()
    first, *rest = said(gauger, "case", "new", "C-1", "--scan", str(folder))["entries"]
    add = ("case", "add", "campaign", "C-1", str(folder), "--cached", "0.9", "--price-list", "of April", "--corrects")
    (again,) = said(gauger, *add, "0")["entries"]  # its evidences stand already
    assert again["body"]["corrects"] == first["digest"]
    assert len(said(gauger, "case", "show", "C-1")["entries"]) == 2 + len(rest)
    assert f"corrected by entry {again['seq']}: " in " ".join(gauger("case", "show", "C-1")[1].split())
    for wrong, why in (("1", "no campaign of this case"), ("99", "no entry 99"), ("0", "was corrected by entry")):
        code, _, err = gauger(*add, wrong)
        assert (code, why in err) == (2, True), err
    assert gauger("case", "report", "C-1", "--out", "report.html")[0] == 0
    page = Path("report.html").read_text()
    value = page[page.index('<section id="value"') :]
    assert value.split("</table>")[0].count("<tr") == 2, "a head and one campaign"


def test_what_was_corrected_does_not_come_back(gauger: Gauger) -> None:
    """Neither by the record of its campaign in a report, nor with the campaign when that is added anew."""
    folder = scan_folder()
    _, first, *_ = said(gauger, "case", "new", "C-1", "--scan", str(folder))["entries"]
    with open_store("cases.db") as store:
        body = {**first["body"], "evidence": {**first["body"]["evidence"], "log_e": 0.125}, "corrects": first["digest"]}
        store.append("C-1", "evidence", body, author="mira", time=datetime.now(UTC).replace(microsecond=0))  # noqa: TID251
    add = ("case", "add", "campaign", "C-1", str(folder), "--cached", "0.9", "--price-list", "x", "--corrects", "0")
    assert len(said(gauger, *add)["entries"]) == 1
    with open_store("cases.db") as store:
        figures = read(store.case("C-1")).figures
    assert digest(first["body"]["evidence"]) not in {digest(f.evidence) for f in figures}
    assert 0.125 in {f.evidence.log_e for f in figures}


def test_two_campaigns_of_one_scan_are_replayed_by_one_run(
    gauger: Gauger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = scan_folder()
    report = json.loads((folder / "report.json").read_text())
    report["campaigns"] += [{**report["campaigns"][0], "id": "c-2"}]
    report["command"] = "gauger scan log.jsonl"
    (folder / "report.json").write_text(json.dumps(report))
    ids = [row["id"] for row in report["campaigns"]]
    said(gauger, "case", "new", "C-1")
    for name in ids:
        said(gauger, "case", "add", "campaign", "C-1", str(folder), "--campaign", name)
    ran: list[Any] = []

    def run(*given: Any, **_: Any) -> Any:
        ran.append(given)
        return SimpleNamespace(returncode=1, stdout=(folder / "report.json").read_bytes(), stderr=b"")

    monkeypatch.setattr("gauger.app.case_replaying.subprocess.run", run)
    rows = said(gauger, "case", "replay", "C-1")["entries"]
    assert len(ran) == 1
    assert len(rows) == 2 * (1 + len(report["campaigns"][0]["evidence"]))
    assert {row["word"] for row in rows} == {"same"}


def test_what_was_added_to_a_campaign_is_found_by_replay(gauger: Gauger, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account of somebody innocent, and a number of exchanges, that no evidence holds."""
    folder = scan_folder()
    report = json.loads((folder / "report.json").read_text()) | {"command": "gauger scan log.jsonl"}
    made = json.dumps(report).encode()
    (folder / "report.json").write_bytes(made)
    said(gauger, "case", "new", "true", "--scan", str(folder))
    report["campaigns"][0]["accounts"] += [report["campaigns"][0]["accounts"][0] | {"account": "innocent"}]
    report["campaigns"][0]["exchanges"] = 999_999
    (folder / "report.json").write_text(json.dumps(report))
    said(gauger, "case", "new", "false", "--scan", str(folder))
    ran = SimpleNamespace(returncode=1, stdout=made, stderr=b"")
    monkeypatch.setattr("gauger.app.case_replaying.subprocess.run", lambda *_, **__: ran)
    assert {row["word"] for row in said(gauger, "case", "replay", "true")["entries"]} == {"same"}
    code, out, _ = gauger("case", "replay", "false", "--json")
    campaign, *rest = json.loads(out)["entries"]
    assert (code, campaign["method"], campaign["word"]) == (4, "campaign", "differs")
    assert "accounts: " in campaign["why"]
    assert "exchanges: 999999, now " in campaign["why"]
    assert {row["word"] for row in rest} == {"same"}
    ran.stdout = json.dumps(report | {"campaigns": []}).encode()
    assert {row["word"] for row in json.loads(gauger("case", "replay", "true", "--json")[1])["entries"]} == {"differs"}


@pytest.mark.parametrize("altered", [{"alpha": 0.9}, {"plan": "sha256:" + "0" * 64}])
def test_what_stands_beside_the_evidence_is_held_too(gauger: Gauger, altered: dict[str, Any]) -> None:
    said(gauger, "case", "new", "C-1")
    path = detected(gauger)
    path.write_text(json.dumps(json.loads(path.read_text()) | altered))
    said(gauger, "case", "add", "evidence", "C-1", str(path))
    code, out, _ = gauger("case", "replay", "C-1", "--json")
    (row,) = json.loads(out)["entries"]
    assert (code, row["word"]) == (4, "differs")
    assert row["why"].startswith(f"{next(iter(altered))}: ")


def test_a_key_files_passphrase_is_asked_for_in_replay_and_standard_input_is_not_read(
    gauger: Gauger, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(gauger, "case", "new", "C-1")
    document = json.loads(detected(gauger).read_text())
    monkeypatch.setenv("WORDS", "a long passphrase")
    assert gauger("watermark", "keygen", "master.key", "--passphrase-env", "WORDS")[0] == 0
    line = document["command"].replace("--master-env MASTER", "--key-file master.key")
    for k, command in enumerate((f"{line} --passphrase-fd 9", line, line.replace("texts.jsonl", "-"))):
        Path(f"{k}.json").write_text(json.dumps(document | {"command": command}))
        said(gauger, "case", "add", "evidence", "C-1", f"{k}.json")
    rows = json.loads(gauger("case", "replay", "C-1", "--json")[1])["entries"]
    assert [row["word"] for row in rows] == ["cannot be run again"] * 3
    assert ["--passphrase-env NAME" in row["why"] for row in rows] == [True, True, False]
    assert "standard input" in rows[2]["why"]
    rows = json.loads(gauger("case", "replay", "C-1", "--passphrase-env", "WORDS", "--json")[1])["entries"]
    assert [row["word"] for row in rows] == ["differs", "differs", "cannot be run again"]  # it ran, with another key
    assert "now" in rows[0]["why"] or "no such evidence" in rows[0]["why"]


def test_another_campaign_corrects_none(gauger: Gauger) -> None:
    folder = scan_folder()
    said(gauger, "case", "new", "C-1", "--scan", str(folder))
    report = json.loads((folder / "report.json").read_text())
    report["campaigns"][0]["id"] = "c-2"
    (folder / "report.json").write_text(json.dumps(report))
    code, _, err = gauger("case", "add", "campaign", "C-1", str(folder), "--corrects", "0")
    assert (code, "this is c-2: no correction" in err) == (2, True)


def test_a_campaign_must_be_said_where_there_are_several(gauger: Gauger) -> None:
    folder = scan_folder()
    report = json.loads((folder / "report.json").read_text())
    report["campaigns"] += [{**report["campaigns"][0], "id": "c-2"}]
    (folder / "report.json").write_text(json.dumps(report))
    code, _, err = gauger("case", "new", "C-1", "--scan", "scan")
    assert code == 2
    assert "c-2" in err
    assert gauger("case", "new", "C-1", "--scan", "scan", "--campaign", "c-9")[0] == 2
    assert (
        said(gauger, "case", "new", "C-1", "--scan", "scan", "--campaign", "c-2")["entries"][0]["body"]["campaign"][
            "id"
        ]
        == "c-2"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "[" * 99_999),
        *('{"schema": "gauger/scan-report/1"}', '{"schema": "gauger/detect/1"}'),
        *('{"schema": ["x"]}', '{"schema": {"a": 1}}', '{"schema": 7}'),
    ],
)
def test_documents_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    for rows in (lambda: evidence_rows(path), lambda: campaign_rows(path, None), lambda: plan_rows(path)):
        with pytest.raises((InputError, ConfigError)):
            rows()


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("evidence", {"anytime": "no"}),
        ("evidence", {"n": "5"}),
        ("evidence", {"inputs": [1]}),
        ("evidence", {"inputs": []}),
        ("campaign", {"first": "2026-01-01T00:00:00"}),
        ("report", {"settings": 5}),
    ],
)
def test_a_report_with_wrong_types_is_refused_before_it_is_in_a_chain(
    tmp_path: Path, what: str, wrong: dict[str, Any]
) -> None:
    report = json.loads(SCAN.read_text())
    row = next(c for c in report["campaigns"] if c["evidence"])
    {"report": report, "campaign": row, "evidence": row["evidence"][0]}[what].update(wrong)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    with pytest.raises(InputError, match="as it was written"):
        campaign_rows(path, row["id"])


def test_evidence_is_added_corrected_and_replayed(gauger: Gauger) -> None:
    said(gauger, "case", "new", "C-1")
    path = detected(gauger)
    (first,) = said(gauger, "case", "add", "evidence", "C-1", str(path))["entries"]
    found = said(gauger, "case", "replay", "C-1")
    assert [(row["seq"], row["word"]) for row in found["entries"]] == [(0, "same")]
    document = json.loads(path.read_text())
    document["results"][0]["evidence"]["log_e"] = 30.0
    Path("wrong.json").write_text(json.dumps(document))
    said(gauger, "case", "add", "evidence", "C-1", "wrong.json", "--corrects", first["digest"])
    code, out, _ = gauger("case", "replay", "C-1", "--json")
    (row,) = json.loads(out)["entries"]
    assert (code, row["seq"], row["word"]) == (4, 1, "differs")
    assert row["why"].startswith("log_e: 30, now ")
    shutil.move("texts.jsonl", "gone.jsonl")
    code, out, _ = gauger("case", "replay", "C-1", "--json")
    assert (code, json.loads(out)["entries"][0]["word"]) == (3, "cannot be run again")
    code, _, err = gauger("case", "add", "note", "C-1", "x", "--corrects", first["digest"])
    assert (code, "no note of this case" in err) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "rm -rf .",
        "gauger watermark keygen stolen.key",
        "gauger lineage ask --endpoint http://127.0.0.1:9/v1",
        "gauger watermark detect --tokens texts.jsonl; touch pwned",
        pytest.param("gauger watermark detect --tokens $(touch pwned)", marks=pytest.mark.slow),
        "gauger 'watermark\n' detect",
        pytest.param("gauger scan", marks=pytest.mark.slow),
    ],
)
def test_a_strangers_command_does_nothing(gauger: Gauger, command: str) -> None:
    said(gauger, "case", "new", "C-1")
    document = json.loads(detected(gauger).read_text()) | {"command": command}
    Path("detect.json").write_text(json.dumps(document))
    said(gauger, "case", "add", "evidence", "C-1", "detect.json")
    before = sorted(Path().rglob("*"))
    code, out, _ = gauger("case", "replay", "C-1", "--json")
    assert (code, json.loads(out)["entries"][0]["word"]) == (3, "cannot be run again")
    assert sorted(Path().rglob("*")) == before


WRITTEN_TO = {
    "--answers /dev/zero": "is not in",
    "--answers .": "no file",
    "--answers ..": "is not in",
    f"--answers {'x' * 300}": "File name too long",
    "": "PLAN",
}
"""What a stranger's command would write to, and why it is not run."""


def test_what_a_strangers_command_would_write_to(gauger: Gauger) -> None:
    said(gauger, "case", "new", "C-1")
    first = json.loads(detected(gauger).read_text())
    os.mkfifo("pipe")
    for k, answers in enumerate(WRITTEN_TO):
        command = f"gauger watermark radioactivity run {answers}"
        Path(f"{k}.json").write_text(json.dumps(first | {"command": command}))
        said(gauger, "case", "add", "evidence", "C-1", f"{k}.json")
    said(gauger, "case", "add", "evidence", "C-1", "detect.json")
    *rows, last = json.loads(gauger("case", "replay", "C-1", "--json")[1])["entries"]
    assert last["word"] == "same"  # the others do not keep it from being run
    for row, why in zip(rows, WRITTEN_TO.values(), strict=True):
        assert row["word"] == "cannot be run again"
        assert why in row["why"]


def test_a_strangers_folder_holds_data_and_no_modules(gauger: Gauger) -> None:
    said(gauger, "case", "new", "C-1")
    said(gauger, "case", "add", "evidence", "C-1", str(detected(gauger)))
    Path("at").mkdir()
    shutil.move("texts.jsonl", "at/texts.jsonl")
    for name in ("gauger", "numpy", "typer"):
        Path(f"at/{name}.py").write_text("open('pwned', 'w')")
    found = said(gauger, "case", "replay", "C-1", "--at", "at")
    assert found["entries"][0]["word"] == "same"
    assert not list(Path().rglob("pwned"))
    assert gauger("case", "replay", "C-1", "--at", "nowhere")[0] == 2
    assert gauger("case", "replay", "C-1", "--timeout", "inf")[0] == 2


def test_two_people_must_approve_what_leaves_the_house(gauger: Gauger, monkeypatch: pytest.MonkeyPatch) -> None:
    said(gauger, "case", "new", "C-1")
    for name, role in (("ken", "reviewer"), ("ann", "analyst"), ("lea", "counsel")):
        said(gauger, "case", "people", "--enrol", name, "--role", role)
    Path("f.txt").write_text("x")
    give = ("case", "add", "disclosure", "C-1", "f.txt", "--to", "lab-b")
    assert gauger(*give, "--made")[0] == 2
    said(gauger, *give)
    assert gauger(*give, "--made")[0] == 2

    def says(who: str, verdict: str) -> int:
        return gauger("case", "add", "review", "C-1", "0", verdict, "--author", who)[0]

    assert says("mira", "approve") == 2  # an analyst reviews nothing
    assert says("ken", "approve") == 0
    review = json.loads(gauger("case", "show", "C-1", "--json")[1])["entries"][-1]
    assert review["body"]["enrolled"] <= review["time"]  # who reviews says since when
    assert len(review["body"]["enrolled"]) == 20
    assert "ken approve" in gauger("case", "show", "C-1")[1]
    assert (says("ken", "approve"), gauger(*give, "--made")[0]) == (0, 2)  # twice is not two
    assert (says("lea", "reject"), gauger(*give, "--made")[0]) == (0, 2)
    assert says("lea", "approve") == 0
    Path("f.txt").write_text("y")
    assert gauger(*give, "--made")[0] == 2  # another content
    Path("f.txt").write_text("x")
    said(gauger, "case", "people", "--enrol", "ken", "--role", "analyst", "--author", "lea")
    assert gauger(*give, "--made")[0] == 2  # who reviews no more has approved nothing
    said(gauger, "case", "people", "--enrol", "ken", "--role", "reviewer", "--author", "lea")
    assert said(gauger, *give, "--made")["entries"][0]["body"]["state"] == "made"
    assert gauger(*give, "--made")[0] == 2  # once


def test_once_there_is_counsel_counsel_enrols(gauger: Gauger) -> None:
    said(gauger, "case", "new", "C-1")
    for name, role in (("ken", "reviewer"), ("lea", "counsel")):
        said(gauger, "case", "people", "--enrol", name, "--role", role)
    for change in (
        ("--enrol", "sam", "--role", "reviewer"),
        ("--enrol", "mira", "--role", "counsel"),
        ("--remove", "ken"),
    ):
        for author in ("mira", "ken", "nobody"):
            code, _, err = gauger("case", "people", *change, "--author", author)
            assert (code, "takes counsel" in err) == (2, True)
    said(gauger, "case", "people", "--enrol", "sam", "--role", "reviewer", "--author", "lea")
    said(gauger, "case", "people", "--remove", "lea", "--author", "lea")
    said(gauger, "case", "people", "--enrol", "cora", "--role", "counsel")  # nobody is left who could


def test_a_closed_case_takes_notes_and_appeals(gauger: Gauger) -> None:
    said(gauger, "case", "new", "C-1")
    said(gauger, "case", "people", "--enrol", "lea", "--role", "counsel")
    assert gauger("case", "add", "close", "C-1", "--why", "settled")[0] == 2
    said(gauger, "case", "add", "close", "C-1", "--why", "settled", "--author", "lea")
    assert gauger("case", "add", "suspect", "C-1", "m")[0] == 2
    said(gauger, "case", "add", "appeal", "C-1", "0", "--by", "them", "--why", "it was not us")
    assert said(gauger, "case", "show")["cases"][0]["closed"] is True
    said(gauger, "case", "people", "--remove", "mira", "--author", "lea")
    code, _, err = gauger("case", "add", "note", "C-1", "x")
    assert (code, "nobody is enrolled" in err) == (2, True)


@pytest.mark.parametrize(
    "args",
    [
        ("add", "note", "C-1", "\udcff"),
        ("add", "note", "C-1", "x", "--author", "\udcff"),
        ("people", "--enrol", "\udcff", "--role", "analyst"),
        ("show", "\udcff"),
        ("add", "review", "C-1", "9" * 5000, "approve", "--author", "ken"),
        ("notice", "decide", "C-1", "9" * 5000, "right", "--why", "x", "--author", "ken"),
    ],
)
def test_what_is_no_text_or_number_is_refused(gauger: Gauger, args: tuple[str, ...]) -> None:
    said(gauger, "case", "new", "C-1")
    said(gauger, "case", "people", "--enrol", "ken", "--role", "reviewer")
    said(gauger, "case", "add", "note", "C-1", "x")
    assert gauger("case", *args)[0] == 2


def test_no_store_is_said(gauger: Gauger) -> None:
    for args in (("show",), ("replay", "C-1"), ("add", "note", "C-1", "x")):
        code, _, err = gauger("case", *args)
        assert (code, "there is no case store cases.db" in err) == (2, True)
    assert not Path("cases.db").exists()


def chain(n: int) -> Case:
    case = Case(id="C", entries=())
    for k in range(n):
        entry = following(case, "note", {"text": f"{k}"}, author="mira", role="analyst", time=_at(k))
        case = replace(case, entries=(*case.entries, entry))
    return case


def _at(k: int) -> Any:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=k)


def test_any_change_to_a_chain_is_found() -> None:
    case = verify_chain(chain(6))

    def broken(entries: tuple[Entry, ...]) -> None:
        with pytest.raises(Exception, match="case C, entry"):
            verify_chain(Case(id="C", entries=entries))

    e = case.entries
    broken((*e[:2], *e[3:]))
    broken((e[1], e[0], *e[2:]))
    broken((*e[:2], replace(e[2], body={"text": "x"}), *e[3:]))
    broken((*e[:2], replace(e[2], author="eve"), *e[3:]))
    broken((*e[:5], replace(e[5], time=_at(0))))
    broken((*e, e[5]))
    broken((replace(e[0], case="D"), *e[1:]))
    verify_chain(Case(id="C", entries=e[:4]))  # a chain that was cut says nothing of that: the log does
    assert to_plain(e[0])["prev"] == ""
