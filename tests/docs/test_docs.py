"""The documents hold together, and say of the program what the program says of itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gauger.app.cli import program
from gauger.detect.calibration import NULL_COLUMNS, load
from gauger.detect.links import LAYERS
from gauger.detect.registry import SIGNALS
from gauger.detect.simulate import PRESETS, CampaignSpec, Crowd
from gauger.edge.engine import ENGINES
from gauger.edge.formats import NAMES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
TRIED = sorted([ROOT / "README.md", *(DOCS / "tutorial").glob("*.md"), *(DOCS / "how-to").glob("*.md")])
PROGRAM = program()
RUN = ("reference/calibration.md", "decisions/0004-campaign-test.md", "explanation/evidence-and-scores.md")

FENCE = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
HERE = re.compile(r"(?<![\w./:])/(?:work|home|root|tmp|Users)/")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without fenced code and comments."""
    return COMMENT.sub("", FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(next(s for k in range(99) if (s := f"{slug}-{k}" if k else slug) not in found))
    return found


def broken(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    bad = []
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", text)):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            bad.append(link)
    return bad


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each ``gauger ...`` line in code, up to a pipe, a semicolon or a comment."""
    for line in re.findall(r"^(?: {3,})?(?:\$ )?(gauger .+)$", text, re.MULTILINE):
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        args: list[str] = []
        for word in words:
            if set(word) <= set("|;&<>"):
                break
            args.append(word)
        yield args[1:]


def parsed(args: list[str]) -> dict[str, Any]:
    """What the program makes of a command line, without running it."""
    context, command = PROGRAM.make_context("gauger", list(args)), PROGRAM
    while hasattr(command, "commands"):
        verb, command, args = command.resolve_command(context, args)
        context = command.make_context(verb, list(args), parent=context)
    return dict(context.params)


def verbs(command: Any, path: str = "gauger") -> Iterator[tuple[str, Any]]:
    """Every verb that does something, with its words."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for word, inner in command.commands.items():
        yield from verbs(inner, f"{path} {word}")


def section(page: str, heading: str) -> str:
    """A section of a page in docs/, without its heading."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE
    )
    assert found, f"docs/{page} has no section {heading!r}"
    return found[1]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_anchors_resolve(page: Path) -> None:
    assert broken(page, prose(page)) == []


def test_a_broken_link_is_seen() -> None:
    text = (
        "[a](nowhere.md) [b](docs/index.md#no-such) [c](#licence) [d](https://example.org) [e](CHANGELOG.md) `[f](x)`"
    )
    assert broken(ROOT / "README.md", text) == ["nowhere.md", "docs/index.md#no-such"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_path_of_a_machine(page: Path) -> None:
    assert HERE.findall(page.read_text()) == []


def test_every_page_is_in_the_index() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall((DOCS / "index.md").read_text())}
    assert set(DOCS.rglob("*.md")) - {DOCS / "index.md"} - linked == set()


@pytest.mark.parametrize("page", TRIED, ids=name)
def test_commands_parse(page: Path) -> None:
    for args in commands(page.read_text()):
        said = parsed(args)
        assert said.get("format", "auto") in NAMES, args
        assert said.get("engine", "duckdb") in ENGINES, args
        assert said.get("world", "bulk") in {*PRESETS, "bulk"}, args


def test_commands_are_found_and_wrong_ones_refused() -> None:
    assert sum(len(list(commands(p.read_text()))) for p in TRIED) > 20
    assert list(commands("```sh\ngauger scan 'a b*' --out x; echo\n```\n")) == [["scan", "a b*", "--out", "x"]]
    assert parsed(["scan", "a", "--out", "b", "--fdr", "0.1"])["fdr"] == 0.1
    for args in (["scan", "a"], ["scan", "a", "--out", "b", "--frd", "1"], ["evaluate", "scan", "a"], ["find", "a"]):
        with pytest.raises(Exception, match=r"(?i)missing|no such"):
            parsed(args)


@pytest.mark.parametrize(("verb", "command"), list(verbs(PROGRAM)), ids=lambda v: v if isinstance(v, str) else "")
def test_every_option_is_in_the_reference(verb: str, command: Any) -> None:
    text = section("reference/cli.md", verb)
    options = {o for p in command.params for o in p.opts if o.startswith("--")} - {"--help"}
    assert set(re.findall(r"^\| `(--[\w-]+)", text, re.MULTILINE)) == options


def test_every_signal_and_feature_and_layer_has_its_line() -> None:
    described = set()
    for signal in SIGNALS:
        described |= set(re.findall(r"^\| `(\w+)`", section("reference/signals.md", signal.id), re.MULTILINE))
    calibration = load()
    features = {*calibration.groups.features, *calibration.solos.features, *calibration.null_groups.features}
    assert described == features
    layers = re.findall(r"^\| `(\w+)`", section("reference/signals.md", "Layers"), re.MULTILINE)
    assert set(layers) == set(LAYERS) == set(calibration.ratios)


def test_the_calibrations_columns_are_in_the_reference() -> None:
    rows = re.findall(r"^\| `(\w+)`", section("reference/calibration.md", "null.parquet"), re.MULTILINE)
    assert tuple(rows) == NULL_COLUMNS


def test_every_world_kind_and_knob_is_in_the_reference() -> None:
    page = "reference/simulate.md"
    kinds = set(re.findall(r"^\| (\w[\w-]+) \|", section(page, "Honest kinds"), re.MULTILINE))
    assert kinds - {"kind"} == {f.name.replace("_", "-") for f in fields(Crowd)}
    rows = re.findall(r"^\| ([\w, ]+?) \|", section(page, "Knobs of a campaign"), re.MULTILINE)
    knobs = {knob for row in rows for knob in row.split(", ")}
    assert knobs - {"knob"} == {f.name for f in fields(CampaignSpec)} - {"name"}
    presets = set(re.findall(r"^\| (\w+) \|", section(page, "Presets"), re.MULTILINE))
    assert presets - {"name"} == set(PRESETS)


def test_the_options_of_calibrate_are_in_the_how_to() -> None:
    source = (ROOT / "bench" / "calibrate.py").read_text()
    options = dict(re.findall(r'add_argument\("(--\w+)", type=\w+, default=([\w.]+)\)', source))
    rows = dict(
        re.findall(r"^\| `(--\w+)` \| (.+?) \|", (DOCS / "how-to/calibrate-on-your-traffic.md").read_text(), re.M)
    )
    assert rows.keys() == options.keys()
    assert [rows[o] for o in options if options[o].isdigit()] == [d for d in options.values() if d.isdigit()]


@pytest.mark.parametrize("page", RUN)
def test_examples_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / page).read_text()
    for code in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        exec(compile(code, page, "exec"), {})  # noqa: S102
    printed = capsys.readouterr().out
    assert printed
    for promised in re.findall(r"^prints ([\d., and]+\d)", text, re.MULTILINE):
        assert re.findall(r"\d+\.\d+", promised) == re.findall(r"\d+\.\d+", printed)
