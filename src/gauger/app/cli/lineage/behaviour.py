"""``gauger lineage behaviour``: do two models answer as if one was made from the other?"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gauger import __version__
from gauger.app.cli.output import say
from gauger.app.cli.replay import command_line
from gauger.app.lineage import NULLS, Judged, judge
from gauger.app.lineage_comparing import Compared, Statistic, compare, compare_in_turn
from gauger.app.lineage_saying import compare_leaks, compare_phrases
from gauger.app.text import visible
from gauger.case.notices.facts import FORMULA
from gauger.edge.lineage.responses import Responses, read_responses
from gauger.edge.lineage.tables import Pair, read_pairs, read_population
from gauger.edge.small_files import PUBLIC, exists, write_new
from gauger.errors import ConfigError
from gauger.lineage.population import Origin
from gauger.model import canonical_json, to_plain

COLUMNS = ("candidate", "suspect", "score", "p", "log10_e", "n_null", "floor", "verdict")
SHOWN, WORDS = 10, 80
LAST: Mapping[Statistic, str] = {
    "likeness": "Related says that one was made from the other, or both from a third; not which, and not how.",
    "phrases": "Related says that one was made from the other, or both from a third; not which, and not how.",
    "leaks": "Related says that the suspect claims more often than unrelated models to be of the candidate's maker.",
}


def behaviour(
    context: typer.Context,
    responses: Annotated[
        Path, typer.Argument(metavar="RESPONSES", help="Parquet: prompt_id, model, output; a row for each answer.")
    ],
    pairs: Annotated[Path, typer.Option(metavar="FILE", help="CSV: candidate, suspect.")],
    population: Annotated[
        Path, typer.Option(metavar="FILE", help="CSV: model, maker, base, and parent, teachers if known.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the verdicts, as CSV.")],
    prompts: Annotated[int, typer.Option(metavar="N", help="Compare on so many prompts, the most answered.")] = 200,
    impossible: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV: candidate, suspect of more null pairs, as the candidate is younger."),
    ] = None,
    statistic: Annotated[
        Statistic,
        typer.Option(help="How alike they answer; claims to be of the candidate's maker; phrases that both over-use."),
    ] = "likeness",
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Decide prompt by prompt, and say after how many.")
    ] = False,
    alpha: Annotated[float, typer.Option(help="Chance of a false accusation, for each innocent suspect.")] = 0.01,
    per_pair: Annotated[
        bool, typer.Option("--per-pair", help="Let alpha hold for each pair, not for a suspect's candidates together.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice among prompts that equally many answered.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Compare how models answer, calibrated on models that are known to be unrelated. Exits with 1 if a pair is."""
    if out.exists() and not overwrite:
        raise exists(out)
    if sequential and statistic != "likeness":
        raise ConfigError(f"--sequential is of --statistic likeness alone, not of {statistic}")
    wanted, origins = read_pairs(pairs), read_population(population)
    younger = [] if impossible is None else read_pairs(impossible)
    read = read_responses(responses)
    _tell(read, len({o.name for o in origins} - set(read.models)))
    compared = _compared(statistic, sequential, read, prompts, np.random.default_rng(seed), wanted, origins)
    digests = [_digest(path) for path in (responses, pairs, population, impossible) if path is not None]
    rows = judge(compared, wanted, origins, alpha=alpha, inputs=digests, per_pair=per_pair, impossible=younger)
    write_new(out, _csv(rows, sequential), mode=PUBLIC, overwrite=overwrite)
    if as_json:
        print(canonical_json(_document(rows, compared, command_line(context), alpha, seed, per_pair)).decode())
    else:
        _show(rows, compared, alpha, out)
    return int(any(row.verdict == "related" for row in rows))


def _compared(
    statistic: Statistic,
    sequential: bool,
    read: Responses,
    prompts: int,
    rng: np.random.Generator,
    pairs: Sequence[Pair],
    origins: Sequence[Origin],
) -> Compared:
    if statistic == "leaks":
        return compare_leaks(read, prompts, rng, pairs, origins)
    if statistic == "phrases":
        return compare_phrases(read, prompts, rng, pairs)
    return (compare_in_turn if sequential else compare)(read, prompts, rng, pairs)


def _tell(read: Responses, silent: int) -> None:
    if read.repeats:
        say(f"{read.repeats:,} rows say again what another row says, and count once")
    for note in read.notes:
        say(note)
    if silent:
        say(f"models of the population without answers, left out: {silent:,}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _csv(rows: Sequence[Judged], sequential: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "prompts"] if sequential else COLUMNS)
    for row in rows:
        figures = ("", "", "") if row.evidence is None else (row.score, row.p, row.evidence.log10_e)
        cells = [f"{x:.6g}" if isinstance(x, float) else x for x in figures]
        last = [row.prompts] if sequential else []
        names = (_inert(row.candidate), _inert(row.suspect))
        writer.writerow([*names, *cells, row.n_null, f"{row.floor:.6g}", row.verdict, *last])
    return text.getvalue().encode()


def _inert(name: str) -> str:
    """What a spreadsheet would run gets an apostrophe before it, by which spreadsheets know text."""
    return f"'{name}" if name.lstrip(" ").startswith(FORMULA) else name


def _document(
    rows: Sequence[Judged], compared: Compared, command: str, alpha: float, seed: int, per_pair: bool
) -> dict[str, object]:
    more = {} if compared.statistic == "likeness" else {"statistic": compared.statistic}
    return {
        "schema": "gauger/lineage-behaviour/1",
        "command": command,
        "gauger_version": __version__,
        **more,
        "null": NULLS[compared.statistic],
        "alpha": alpha,
        "prompts": compared.looks[-1],
        "looks": compared.looks,
        "order": compared.order,
        "per_pair": per_pair,
        "seed": seed,
        "pairs": [_plain(row, compared) for row in rows],
    }


def _plain(row: Judged, compared: Compared) -> dict[str, object]:
    """A pair; what carried a finding is cut short, and nothing in it acts on whoever reads it."""
    made = {**to_plain(row), "floor": row.floor}
    del made["carriers"]
    if compared.carriers:
        made["carriers"] = [{**to_plain(one), "words": visible(one.words[:WORDS])} for one in row.carriers]
    return made


def _show(rows: Sequence[Judged], compared: Compared, alpha: float, out: Path) -> None:
    said = Counter(row.verdict for row in rows)
    print(f"{len(rows):,} pairs on {compared.looks[-1]:,} prompts, alpha {alpha:g}: {out}")
    print("\n".join(f"  {word}: {count:,}" for word, count in said.most_common()))
    related = [row for row in rows if row.verdict == "related"]
    told = [f"{_names(row)}: p {row.p:.2g} (floor {row.floor:.2g}), {row.prompts:,} prompts" for row in related]
    _list("related", told)
    _list("cannot tell", [f"{_names(row)}: {visible(row.why)}" for row in rows if row.verdict == "cannot tell"])
    if related:
        print(LAST[compared.statistic])


def _names(row: Judged) -> str:
    return f"{visible(row.candidate, 80)} -> {visible(row.suspect, 80)}"


def _list(verdict: str, told: Sequence[str]) -> None:
    for line in told[:SHOWN]:
        print(f"  {verdict}: {line}")
    if len(told) > SHOWN:
        print(f"  and {len(told) - SHOWN:,} more, {'in the file' if verdict == 'related' else 'with --json'}")
