"""The report: its schema holds, nothing written by an attacker acts, and the pictures show what they should."""

from __future__ import annotations

import copy
import html.parser
import io
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gauger.app.report import SCHEMA_ID, graph, render_html, summary_table, timeline, words

jsonschema = pytest.importorskip("jsonschema")
SAMPLE = json.loads((Path(__file__).parents[2] / "data" / "scan_report.json").read_text(encoding="utf-8"))
SCHEMA = json.loads(files("gauger.app.report").joinpath("report.schema.json").read_text(encoding="utf-8"))
HOSTILE = "<script>alert(1)</script>\x00\x1b[31m\u202egnp.exe\u202c\"'><img src=x onerror=alert(2)>{{ 7*7 }}"


@pytest.fixture
def report() -> dict[str, Any]:
    return copy.deepcopy(SAMPLE)


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text, and checks that tags nest."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, k, v or "") for k, v in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, k, v or "") for k, v in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def spread(value: Any, text: str) -> Any:
    """``value`` with every free string replaced by ``text``."""
    fixed = {"schema", "created", "first", "last", "banned", "alarm", "t", "kind", "sha256", "a", "b", "id"}
    if isinstance(value, dict):
        return {k: v if k in fixed and isinstance(v, str) else spread(v, text) for k, v in value.items()}
    if isinstance(value, list):
        return [spread(v, text) for v in value]
    return text if isinstance(value, str) and not value.startswith("-inf") else value


def many(report: dict[str, Any], campaigns: int, accounts: int) -> dict[str, Any]:
    """``report`` with copies of its campaign, each with copies of its first account."""
    [sample] = report["campaigns"]
    report["campaigns"] = [copy.deepcopy(sample) for _ in range(campaigns)]
    for i, c in enumerate(report["campaigns"]):
        names = [f"acct_{i}_{j}" for j in range(accounts)]
        c["accounts"] = [{**sample["accounts"][0], "account": name} for name in names]
        c["graph"] = {
            "nodes": [{"id": name, "exchanges": j} for j, name in enumerate(names)],
            "edges": [
                {"a": names[j - 1], "b": names[j], "weight": 1.0, "layers": ["payment"]} for j in range(1, accounts)
            ],
        }
    return report


# Schema


def validator() -> Any:
    return jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one_and_the_sample_keeps_it(report: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator().validate(report)
    assert report["schema"] == SCHEMA_ID == SCHEMA["properties"]["schema"]["const"]
    report.update(campaigns=[], solo=[], authorised=[], period={"first": None, "last": None})
    validator().validate(report)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.pop("limits"),
        lambda r: r.update(schema="gauger/scan-report/2"),
        lambda r: r.update(created="2026-03-17 08:30"),
        lambda r: r["campaigns"][0]["evidence"][0].update(null=""),
        lambda r: r["campaigns"][0]["evidence"][0].update(kind="sure"),
        lambda r: r["campaigns"][0]["evidence"][0].update(inputs=[]),
        lambda r: r["solo"][0].pop("account"),
        lambda r: r["campaigns"][0]["accounts"][0].update(exchanges=-1),
    ],
)
def test_the_schema_refuses(report: dict[str, Any], spoil: Any) -> None:
    spoil(report)
    assert list(validator().iter_errors(report))


def test_the_reference_names_every_field() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "report.md").read_text(encoding="utf-8")

    def names(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(names, schema)) if schema else set()
        if not isinstance(schema, dict):
            return set()
        return set(schema.get("properties", {})) | set().union(*map(names, schema.values()))

    assert [n for n in sorted(names(SCHEMA)) if f"`{n}`" not in page] == []


# Page


def test_the_page_says_what_the_report_says(report: dict[str, Any]) -> None:
    page = Page(render_html(report))
    [campaign] = report["campaigns"]
    said = [campaign["id"], *(a["account"] for a in campaign["accounts"]), report["quarantined"]["file"]]
    said += [e["null"] for e in campaign["evidence"]] + [s["why_not"] for s in report["signals"] if not s["ran"]]
    said += report["limits"] + report["not_claimed"] + [report["authorised"][0]["org"], "274,314", "not JSON"]
    assert [s for s in said if s not in page.text] == []
    ids = {v for _, k, v in page.attributes if k == "id"}
    labels = [v for _, k, v in page.attributes if k == "aria-labelledby"]
    assert set(" ".join(labels).split()) <= ids
    assert sum((t, k, v) == ("svg", "role", "img") for t, k, v in page.attributes) == 2
    assert page.tags.count("caption") == page.tags.count("table")


@pytest.mark.parametrize(("campaigns", "accounts"), [(0, 0), (1, 5), (12, 300)])
def test_the_page_fits_any_size(report: dict[str, Any], campaigns: int, accounts: int) -> None:
    text = render_html(many(report, campaigns, accounts))
    page = Page(text)
    assert page.tags.count("h1") == 1
    assert ("No campaign" in page.text) == (campaigns == 0)
    assert page.text.count("further accounts") == 2 * campaigns * (accounts > 15)
    assert len(text) < 4_000_000
    ids = [v for _, k, v in page.attributes if k == "id"]
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_and_nothing_runs(report: dict[str, Any]) -> None:
    text = render_html(report)
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "base", "form", "use", "image"} & set(page.tags)
    assert not [(t, k) for t, k, v in page.attributes if k.startswith("on") or k in {"src", "style", "action"}]
    assert all(v.startswith("#") for _, k, v in page.attributes if k == "href")
    assert not re.search(r"url\(|@import|https?:", text)
    [policy] = [v for t, k, v in page.attributes if k == "content" and "default-src" in v]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_text_from_the_log_is_shown_and_does_not_act(report: dict[str, Any]) -> None:
    clean, page = Page(render_html(report)), Page(render_html(spread(report, HOSTILE)))
    assert set(page.tags) <= set(clean.tags)
    assert {(t, k) for t, k, _ in page.attributes} <= {(t, k) for t, k, _ in clean.attributes}
    assert "<script>alert(1)</script>⟨U+0000⟩⟨U+001B⟩[31m⟨U+202E⟩gnp.exe⟨U+202C⟩" in page.text
    assert "{{ 7*7 }}" in page.text
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]", render_html(spread(report, HOSTILE))
    )


def test_ids_from_the_log_do_not_act_either(report: dict[str, Any]) -> None:
    [campaign] = report["campaigns"]
    campaign["id"] = campaign["families"][0]["id"] = HOSTILE
    campaign["graph"]["nodes"][0]["id"] = campaign["graph"]["edges"][0]["a"] = HOSTILE
    page = Page(render_html(report))
    assert "script" not in page.tags
    assert page.text.count("<script>alert(1)</script>⟨U+0000⟩") >= 4


def test_long_text_and_half_characters_are_cut_and_encode(report: dict[str, Any]) -> None:
    [campaign] = report["campaigns"]
    campaign["families"][0]["example"] = "secret mail ann@example.org " + "word " * 2000
    campaign["accounts"][0]["account"] = "a" * 10_000 + "\ud800"
    text = render_html(report)
    text.encode()
    assert "secret mail [e-mail] word" in text  # redacted again, whoever wrote the report
    assert "9,401 more characters" in text
    assert len(text) < len(render_html(SAMPLE)) + 3 * 2_500


def test_the_same_report_gives_the_same_page(report: dict[str, Any]) -> None:
    assert render_html(report) == render_html(copy.deepcopy(report))


def test_no_template_switches_escaping_off() -> None:
    for path in files("gauger.app.report").joinpath("templates").iterdir():
        assert not re.search(r"\|\s*safe|autoescape|Markup", path.read_text(encoding="utf-8").split("\n", 1)[1])


# Pictures


def edge(a: str, b: str, weight: float, *layers: str) -> dict[str, Any]:
    return {"a": a, "b": b, "weight": weight, "layers": list(layers)}


def test_the_graph_leaves_out_weak_ties_and_says_so() -> None:
    names = [f"n{i}" for i in range(40)]
    clique = [edge(a, b, 5.0, "payment", "address") for i, a in enumerate(names[:39]) for b in names[:i]]
    bridge = edge("n0", "n39", 0.01, "address")  # weakest of all, and yet it alone holds n39
    drawn = graph.draw({"nodes": [{"id": n, "exchanges": 1} for n in names], "edges": [*clique, bridge]})
    assert drawn["edges_drawn"] == 3 * 40
    assert drawn["edges_left_out"] == len(clique) + 1 - 120
    by_name = {layer["name"]: layer for layer in drawn["layers"]}
    assert (by_name["payment"]["ties"], by_name["payment"]["accounts"]) == (741, 39)
    assert (by_name["address"]["ties"], by_name["address"]["accounts"]) == (742, 40)
    assert by_name["address"]["path"].count("M") == 1  # drawn by the strongest layer only
    assert by_name["payment"]["path"].count("M") == 119


def test_the_graph_draws_the_busiest_and_says_how_many_not() -> None:
    drawn = graph.draw(
        {"nodes": [{"id": str(i), "exchanges": i} for i in range(400)], "edges": [edge("0", "399", 1.0)]}
    )
    assert len(drawn["nodes"]) == 300
    assert drawn["nodes_left_out"] == 100
    assert min(n["exchanges"] for n in drawn["nodes"]) == 100
    assert drawn["edges_left_out"] == 1
    assert [layer["name"] for layer in drawn["layers"]] == [graph.UNNAMED]


def test_the_layout_puts_together_what_is_tied() -> None:
    groups = np.repeat([0, 1], 12)
    pairs = np.array([(a, b) for a in range(24) for b in range(a) if groups[a] == groups[b]] + [(0, 23)])
    at = graph.layout(24, pairs, np.ones(len(pairs)))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    same = groups[:, None] == groups[None]
    assert apart[same].mean() < 0.5 * apart[~same].mean()
    assert np.array_equal(at, graph.layout(24, pairs, np.ones(len(pairs))))


@pytest.mark.parametrize("n", [0, 1, 2, 300])
def test_the_layout_stays_in_the_frame(n: int) -> None:
    drawn = graph.draw({"nodes": [{"id": str(i), "exchanges": 0} for i in range(n)], "edges": []})
    assert all(0 <= node["x"] <= drawn["width"] and 0 <= node["y"] <= drawn["height"] for node in drawn["nodes"])


def bins(n: int, step_h: int) -> list[dict[str, Any]]:
    stamps = np.datetime64("2026-01-01") + np.arange(n) * np.timedelta64(step_h, "h")
    return [
        {"t": f"{t}:00:00Z", "exchanges": i % 5, "background": 100}
        for i, t in enumerate(stamps.astype("datetime64[h]"))
    ]


def test_the_timeline_merges_bins_and_marks_the_alarm() -> None:
    drawn = timeline.draw(bins(500, 1), "2026-01-11T10:00:00Z")
    assert drawn is not None
    mine, others = drawn["panels"]
    assert drawn["bin_s"] == 3 * 3600
    assert others["top"] == 300
    assert others["path"].count("M") == 167
    assert mine["top"] == 9
    assert drawn["alarm"] == pytest.approx(drawn["left"] + (drawn["width"] - drawn["left"]) * 250 / 501, abs=0.1)
    assert 3 <= len(drawn["ticks"]) <= 9


def test_drawings_reach_the_page_uncut(report: dict[str, Any]) -> None:
    """Texts are cut at some hundred characters; a path of numbers must not be."""
    campaign = report["campaigns"][0]
    campaign["timeline"] = bins(160, 1)
    names = [f"n{i}" for i in range(60)]
    edges = [edge(a, b, 5.0, "payment") for i, a in enumerate(names) for b in names[:i]]
    campaign["graph"] = {"nodes": [{"id": n, "exchanges": 1} for n in names], "edges": edges}
    paths = [v for tag, k, v in Page(render_html(report)).attributes if (tag, k) == ("path", "d")]
    assert max(p.count("h") for p in paths) == 160  # a bar each, of everyone else
    assert max(p.count("L") for p in paths) == 180  # three edges a node
    assert not any("more characters" in p for p in paths)


def test_the_timeline_needs_two_points() -> None:
    assert timeline.draw(bins(1, 1), None) is None
    assert timeline.draw([], None) is None
    both = timeline.draw(bins(2, 1), None)
    assert both is not None
    assert both["alarm"] is None


def test_a_span_stays_in_the_period() -> None:
    period = {"first": "2026-01-01T00:00:00Z", "last": "2026-01-11T00:00:00Z"}
    assert timeline.span("2026-01-03T12:00:00Z", "2026-01-06T00:00:00Z", period, 100) == (25.0, 25.0)
    assert timeline.span("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", period, 100) == (0.0, 100.0)
    assert timeline.span("2026-01-03T12:00:00Z", "2026-01-06T00:00:00Z", {"first": None, "last": None}, 100) == (
        0.0,
        0.0,
    )


# Words


@pytest.mark.parametrize(
    ("log10_e", "anytime", "says"),
    [
        ("-inf", True, "Does not speak against"),
        (-0.3, True, "Does not speak against"),
        (0.99, True, "Says little"),
        (1.0, False, "at most once in 10, in one look, fixed beforehand"),
        (3.0, True, "at most once in 1,000, however often"),
        (4.0 - 1e-9, True, "at most once in 9,900,"),  # rounded down: never overstated
        (6.35, True, "at most once in 2 million,"),
        (20.9, True, "at most once in 10²⁰,"),
    ],
)
def test_a_reading_never_overstates(log10_e: Any, anytime: bool, says: str) -> None:
    assert says in words.reading({"log10_e": log10_e, "anytime": anytime})


def test_the_verdict_counts_an_account_once(report: dict[str, Any]) -> None:
    assert words.verdict(report).startswith("Flagged: 1 campaign of 5 accounts and 1 account alone, among 274,314")
    report["campaigns"] *= 2
    assert "2 campaigns of 5 accounts" in words.verdict(report)
    report.update(campaigns=[], solo=[])
    assert words.verdict(report) == "Nothing was flagged in 274,314 exchanges by 6,512 accounts."


def test_figures() -> None:
    assert [words.short(x) for x in (999, 9_999, 12_345, 4_560_000, 7.89e9)] == [
        "999",
        "9,999",
        "12.3k",
        "4.56M",
        "7.89B",
    ]
    assert [words.usd(x) for x in (None, 0.5, 1234.5)] == ["no price known", "$0.50", "$1,234"]
    assert [words.log10(x) for x in (None, "-inf", -0.25, 12)] == ["–", "−∞", "−0.2", "12.0"]
    assert [words.percent(x) for x in (0, 0.004, 0.5)] == ["0 %", "0.4 %", "50 %"]


# Terminal


def shown(report: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    console.print(summary_table(report))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_shows_findings_and_what_is_missing(report: dict[str, Any]) -> None:
    text = shown(report)
    for said in (report["campaigns"][0]["id"], "29.1", "37 lines could not be read", "Could not run: infrastructure"):
        assert said in text


def test_the_terminal_obeys_no_text(report: dict[str, Any]) -> None:
    report["campaigns"][0]["id"] = "\x1b[2J[red]x[/red]\u202e"
    report["quarantined"]["file"] = "\x1b]0;title\x07"
    text = shown(report)
    assert "⟨U+001B⟩[2J[red]x[/red]⟨U+202E⟩" in text
    assert not re.search("[\x00-\x09\x0b-\x1f]", text)


def test_the_terminal_counts_what_it_leaves_out(report: dict[str, Any]) -> None:
    report["campaigns"] *= 23
    assert "3 further campaigns are in the report" in shown(report)
