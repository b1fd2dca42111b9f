"""What ``gauger watermark detect`` does for marks of other software: its flags, or its text and configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gauger import __version__
from gauger.app.cli import evidence_table
from gauger.app.cli.output import Output
from gauger.app.judging import found_among
from gauger.app.materials import read_tokenizer
from gauger.edge.foreign_marks import readers_of
from gauger.edge.token_files import read_flags, read_texts
from gauger.model import Evidence, canonical_json, to_plain
from gauger.watermark.detection import flags as judge_flags
from gauger.watermark.foreign import read


@dataclass(frozen=True, slots=True)
class Rule:
    """How it is decided, and how it is said."""

    alpha: float
    anytime: bool
    as_json: bool
    command: str

    def head(self, keys: int) -> dict[str, object]:
        """The first lines of every document."""
        decided = "e-bh" if self.anytime else "holm"
        told = {"schema": "gauger/detect/1", "command": self.command, "gauger_version": __version__}
        return {**told, "alpha": self.alpha, "keys": keys, "rule": decided}

    def said(self, found: int, keys: int) -> str:
        """How many keys are found, and with what error."""
        kind = "e-BH: false discoveries" if self.anytime else "Holm: any false alarm"
        return f"{found:,} of {keys:,} keys found ({kind} at most {self.alpha:g} over all {keys:,})."


def detect_flags(source: str, gamma: float, subject: str, rule: Rule) -> int:
    """Another tool's flags. Returns the exit code."""
    said = judge_flags(read_flags(source), gamma, subject=subject)
    found = bool(found_among([said], rule.alpha, anytime=rule.anytime)[0])
    not_said = "that the tool scored each window and token once, or that its gamma is true: repeats alone can do this"
    if found:
        means = "more flags are green than chance allows"
    else:
        means = f"too few are green to rule out chance at {rule.alpha:g}" if said.n else "nothing: there are no flags"
    if rule.as_json:
        _document([said], [found], rule, {})
    else:
        Output().print(evidence_table.table(said, means, not_said))
    return int(found)


def detect_foreign(
    kind: str, config: Path, source: str, subject: str, rule: Rule, tokenizer_file: Path | None = None
) -> int:
    """A text by the configuration that another tool marked with. Returns the exit code."""
    tokenizer = read_tokenizer(tokenizer_file, "")
    readers = readers_of(kind, config)
    parts = list(read_texts(source, tokenizer=tokenizer))
    tokens, prompts = [t for p in parts for t in p.tokens], [t for p in parts for t in p.prompts]
    said = [read(reader, tokens, prompts=prompts, subject=subject) for reader in readers]
    found = [bool(f) for f in found_among(said, rule.alpha, anytime=rule.anytime)]
    prompted = sum(part.prompted for part in parts)
    if rule.as_json:
        _document(said, found, rule, {"texts": len(tokens), "texts_with_prompt": prompted})
        return int(any(found))
    console = Output()
    for one, yes in zip(said, found, strict=True):
        console.print(
            evidence_table.table(one, _means(one, yes, rule.alpha), _not_said(yes, len(tokens) - prompted, len(tokens)))
        )
    console.print(rule.said(sum(found), len(readers)), highlight=False)
    return int(any(found))


def _document(said: list[Evidence], found: list[bool], rule: Rule, more: dict[str, int]) -> None:
    rows = [{"context": None, "found": f, "evidence": to_plain(e)} for e, f in zip(said, found, strict=True)]
    print(canonical_json({**rule.head(len(said)), **more, "results": rows}).decode())


def _means(e: Evidence, found: bool, alpha: float) -> str:
    if not e.n:
        return "nothing: no token could be scored, which speaks neither for the mark nor against it"
    if found:
        return "the text carries the mark of this configuration: made with it, or shaped by who learned from such text"
    return f"the mark of this configuration was not found at {alpha:g}"


def without_prompt(count: int, texts: int) -> str:
    """What texts without their prompt leave open."""
    return f"{count:,} of {texts:,} texts came without their prompt: one that quotes a marked prompt has its mark"


def _not_said(found: bool, without: int, texts: int) -> str:
    if found:
        said = "whose deployment it was: such keys are short, often a public default, and whoever knows one can mark"
        return f"{said}; {without_prompt(without, texts)}" if without else said
    return (
        "that the text is unmarked: another key, width, vocabulary or device of the marking model, paraphrase and too "
        "little text look the same"
    )
