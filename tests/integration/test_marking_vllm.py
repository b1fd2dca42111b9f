"""Marks in vLLM's batches: requests come, go and change places, and each answer has its own party's key.

The engines here are loops around what vLLM 0.33 gives its logits processors. Their classes are vLLM's own where that is
installed (marker ``peers``); everywhere else they are written down from it, which is the contract of these tests.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import math
import re
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from gauger.edge.marking import serving
from gauger.edge.marking.serving import ARGUMENT, VARIABLE, Keys, Settings, keys_from_env, party_of
from gauger.edge.marking.turns import Turn
from gauger.errors import ConfigError, InputError
from gauger.watermark.corpus import select
from gauger.watermark.detection import detect
from gauger.watermark.keys import FLEET
from gauger.watermark.sampling import candidates, tilt

torch = pytest.importorskip("torch", reason="needs torch: pip install 'gauger[models]'")

NOW = datetime(2026, 11, 21, tzinfo=UTC)
V1, V2 = "vllm.v1.sample.logits_processor", "vllm.v1.worker.gpu.sample.logits_processor"
MASTER = bytes(range(32))
VOCABULARY, STEPS = 300, 90
SETTINGS = {
    "schema": "gauger/marking/1",
    "tenant": "lab",
    "model": "m",
    "tokenizer": "t",
    "scheme": "gumbel:h=2",
    "master_env": "MASTER",
    "unmarked": ["staff"],
}


# What vLLM 0.33.0 says, in vllm/v1/sample/logits_processor/interface.py and
# vllm/v1/worker/gpu/sample/logits_processor/interface.py.


class Direction(Enum):
    UNIDIRECTIONAL = auto()
    SWAP = auto()


@dataclass(frozen=True)
class Update:
    batch_size: int
    removed: Sequence[int]
    added: Sequence[tuple[int, Any, list[int] | None, list[int]]]
    moved: Sequence[tuple[int, int, Any]]


class First(ABC):
    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        return None

    @abstractmethod
    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None: ...

    @abstractmethod
    def apply(self, logits: Any) -> Any: ...

    @abstractmethod
    def is_argmax_invariant(self) -> bool: ...

    @abstractmethod
    def update_state(self, batch_update: Update | None) -> None: ...


class Second(ABC):
    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        return None

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:
        return True

    @abstractmethod
    def apply(self, logits: Any, ctx: Any) -> Any: ...


@dataclass
class Params:
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    extra_args: dict[str, Any] | None = None


@dataclass
class Host:
    """vLLM's classes, or those above."""

    real: bool
    update: Any = Update
    direction: Any = Direction
    params: Any = Params
    context: Any = SimpleNamespace


INSTALLED = importlib.util.find_spec("vllm") is not None
ABSENT = pytest.mark.skipif(not INSTALLED, reason="needs vLLM 0.33")


@pytest.fixture(params=[False, pytest.param(True, marks=[pytest.mark.peers, ABSENT])], ids=["written", "vllm"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Host]:
    monkeypatch.setenv("MASTER", MASTER.hex())
    (tmp_path / "marking.json").write_text(json.dumps(SETTINGS))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "marking.json"))
    monkeypatch.setattr("gauger.edge.marking.serving.now", lambda: NOW)
    if request.param:
        first, second = importlib.import_module(V1), importlib.import_module(V2)
        params = importlib.import_module("vllm.sampling_params").SamplingParams
        made = Host(True, first.BatchUpdate, first.MoveDirectionality, params, second.LogitsContext)
    else:
        made = Host(False)
        for name in (V1, V2):
            parts = name.split(".")
            for k in range(1, len(parts) + 1):
                monkeypatch.setitem(sys.modules, ".".join(parts[:k]), ModuleType(".".join(parts[:k])))
        sys.modules[V1].LogitsProcessor, sys.modules[V1].MoveDirectionality = First, Direction  # type: ignore[attr-defined]
        sys.modules[V2].LogitsProcessor = Second  # type: ignore[attr-defined]
    forget()
    yield made
    forget()


def forget() -> None:
    """The adapters were made of classes that are gone with their test."""
    marking = importlib.import_module("gauger.edge.marking")
    for name in ("vllm", "vllm_v2", "vllm_plugin"):
        sys.modules.pop(f"gauger.edge.marking.{name}", None)
        vars(marking).pop(name, None)


@dataclass
class Asked:
    """A request and all that became of it."""

    party: str | None
    params: Any
    prompt: list[int]
    written: list[int] = field(default_factory=list)


TABLE = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(1)) * 2
CONFIG = SimpleNamespace(
    model_config=SimpleNamespace(seed=0, logits_processors=None),
    speculative_config=None,
    scheduler_config=SimpleNamespace(max_num_seqs=8, async_scheduling=False),
)


def logits_after(asked: Asked) -> Any:
    """A model that looks at the last token only."""
    return TABLE[(asked.prompt + asked.written)[-1]].clone()


def warm(logits: Any, asked: Asked) -> Any:
    """Temperature and min-p."""
    logits = logits / (asked.params.temperature or 1.0)
    logits[torch.softmax(logits, -1) < asked.params.min_p * torch.softmax(logits, -1).max()] = -torch.inf
    return logits


def drawn(logits: Any, asked: Asked, generator: Any) -> int:
    """What an engine does last, with logits that temperature and min-p were applied to."""
    ids, p = candidates(logits.double().numpy(), top_k=asked.params.top_k, top_p=asked.params.top_p)
    return int(ids[torch.multinomial(torch.from_numpy(p), 1, generator=generator)])


class FirstRunner:
    """A persistent batch whose holes are filled from its end, like vLLM's ``InputBatch``."""

    MARKING = "gauger.edge.marking.vllm"

    def __init__(self, host: Host) -> None:
        self._host, self._generator = host, torch.Generator().manual_seed(2)
        self.processor = importlib.import_module(self.MARKING).Marking(CONFIG, "cpu", False)
        self.rows: list[Asked] = []

    def change(
        self, gone: Sequence[Asked] = (), new: Sequence[Asked] = (), swap: tuple[int, int] | None = None
    ) -> None:
        holes = sorted((self.rows.index(a) for a in gone), reverse=True)
        added, moved, removed = [], [], []
        for asked in new:
            at = holes.pop() if holes else len(self.rows)
            self.rows[at : at + 1] = [asked]
            added.append((at, asked.params, asked.prompt, asked.written))
        removed = list(holes)
        while holes:
            hole = holes.pop()
            while self.rows and len(self.rows) - 1 in holes:
                holes.remove(len(self.rows) - 1)
                self.rows.pop()
            last = len(self.rows) - 1
            if hole < last:
                self.rows[hole] = self.rows[last]
                moved.append((last, hole, self._host.direction.UNIDIRECTIONAL))
            self.rows.pop()
        if swap:
            a, b = swap
            self.rows[a], self.rows[b] = self.rows[b], self.rows[a]
            moved.append((a, b, self._host.direction.SWAP))
        self.processor.update_state(
            self._host.update(batch_size=len(self.rows), removed=removed, added=added, moved=moved)
        )

    def step(self, *, thrown_away: bool = False) -> None:
        """One token for each row; ``thrown_away`` as for prompts that are read in several parts."""
        self.processor.update_state(None)
        logits = torch.stack([warm(logits_after(a), a) for a in self.rows])
        greedy = logits.argmax(-1)
        after = self.processor.apply(logits)
        for k, asked in enumerate(self.rows):
            token = drawn(after[k], asked, self._generator) if asked.params.temperature else int(greedy[k])
            if not thrown_away:
                asked.written.append(token)


class SecondRunner:
    """Slots that are used again, rows in another order each step, tokens in buffers of the device."""

    MARKING = "gauger.edge.marking.vllm_v2"
    SLOTS = 8

    def __init__(self, host: Host) -> None:
        self._host, self._generator = host, torch.Generator().manual_seed(2)
        self.state = SimpleNamespace(
            all_token_ids=SimpleNamespace(gpu=torch.zeros(self.SLOTS, 400, dtype=torch.int32)),
            prompt_len=SimpleNamespace(np=np.zeros(self.SLOTS, np.int32)),
            prefill_len=SimpleNamespace(np=np.zeros(self.SLOTS, np.int32)),
        )
        self.processor = importlib.import_module(self.MARKING).Marking(CONFIG, self.state)
        self.slots: dict[int, Asked] = {}
        self._step = 0

    def change(self, gone: Sequence[Asked] = (), new: Sequence[Asked] = (), swap: Any = None) -> None:
        self.slots = {slot: asked for slot, asked in self.slots.items() if asked not in gone}
        for asked in new:
            slot = min(set(range(self.SLOTS)) - set(self.slots))
            self.slots[slot] = asked
            self.state.prompt_len.np[slot] = len(asked.prompt)
            self.state.prefill_len.np[slot] = len(asked.prompt) + len(asked.written)
            self._fill(slot)
            self.processor.add_request(slot, asked.params)

    def _fill(self, slot: int) -> None:
        tokens = self.slots[slot].prompt + self.slots[slot].written
        self.state.all_token_ids.gpu[slot, : len(tokens)] = torch.tensor(tokens, dtype=torch.int32)

    def step(self, *, thrown_away: bool = False) -> None:
        self._step += 1
        slots = sorted(self.slots, key=lambda slot: (slot * self._step) % 7)
        rows = [self.slots[slot] for slot in slots]
        lengths = [len(a.prompt) + len(a.written) - thrown_away for a in rows]
        mapping = torch.tensor(slots)
        context = self._host.context(
            expanded_idx_mapping=mapping,
            idx_mapping=mapping,
            idx_mapping_np=mapping.numpy(),
            expanded_local_pos=torch.zeros(len(slots), dtype=torch.int64),
            input_ids=torch.zeros(len(slots), dtype=torch.int64),
            pos=torch.tensor(lengths) - 1,
            seq_lens_upper_bound_np=np.array(lengths),
        )
        logits = torch.stack([logits_after(a) for a in rows])
        greedy = logits.argmax(-1)
        after = self.processor.apply(logits, context)
        for k, (slot, asked) in enumerate(zip(slots, rows, strict=True)):
            sampled = asked.params.temperature > 0
            token = drawn(warm(after[k], asked), asked, self._generator) if sampled else int(greedy[k])
            if not thrown_away:
                asked.written.append(token)
                self._fill(slot)


class FirstInstalled(FirstRunner):
    MARKING = "gauger.edge.marking.vllm_plugin"


class SecondInstalled(SecondRunner):
    MARKING = "gauger.edge.marking.vllm_plugin"


class OwnRunner:
    """vLLM's own batch and sampler of the first model runner, on the CPU."""

    def __init__(self, host: Host) -> None:
        importlib.import_module("vllm.utils.torch_utils").PIN_MEMORY = False  # there is no device to pin it for
        self._inputs = importlib.import_module("vllm.v1.worker.gpu_input_batch")
        processors, cpu = importlib.import_module(V1), torch.device("cpu")
        self.processor = importlib.import_module("gauger.edge.marking.vllm").Marking(CONFIG, cpu, False)
        self._batch = self._inputs.InputBatch(
            max_num_reqs=8,
            max_model_len=400,
            max_num_batched_tokens=400,
            device=cpu,
            vocab_size=VOCABULARY,
            block_sizes=[16],
            max_num_blocks_per_req=[32],
            logitsprocs=processors.LogitsProcessors(
                [processors.MinPLogitsProcessor(CONFIG, cpu, False), self.processor]
            ),
            logitsprocs_need_output_token_ids=True,
        )
        self._sampler = importlib.import_module("vllm.v1.sample.sampler").Sampler()
        self._asked: dict[str, Asked] = {}
        torch.manual_seed(2)

    def change(
        self, gone: Sequence[Asked] = (), new: Sequence[Asked] = (), swap: tuple[int, int] | None = None
    ) -> None:
        for name in [name for name, one in self._asked.items() if one in gone]:
            self._batch.remove_request(name)
        for one in new:
            name = str(len(self._asked))
            self._asked[name] = one
            self._batch.add_request(
                self._inputs.CachedRequestState(
                    req_id=name,
                    prompt_token_ids=one.prompt,
                    mm_features=[],
                    sampling_params=one.params,
                    generator=None,
                    block_ids=([0],),
                    num_computed_tokens=0,
                    output_token_ids=one.written,
                )
            )
        self._batch.condense()
        if swap:
            self._batch.swap_states(*swap)
        self._batch.refresh_metadata()

    def step(self, *, thrown_away: bool = False) -> None:
        rows = [self._asked[name] for name in self._batch.req_ids]
        drawn = self._sampler(torch.stack([logits_after(a) for a in rows]), self._batch.sampling_metadata)
        for one, token in zip(rows, drawn.sampled_token_ids[:, 0].tolist(), strict=True):
            if not thrown_away:
                one.written.append(token)
        self._batch.refresh_metadata()


RUNNERS = pytest.mark.parametrize("runner", [FirstRunner, SecondRunner])


def asked(host: Host, party: str | None, **params: Any) -> Asked:
    extra = {} if party is None else {"extra_args": {ARGUMENT: party}}
    rng = np.random.default_rng(list(f"{party} {params}".encode()))
    return Asked(party, host.params(**params, **extra), rng.integers(0, VOCABULARY, 5).tolist())


def keys() -> Keys:
    return keys_from_env()


def found(answer: Asked, party: str) -> float:
    key = keys().of(party, NOW)
    assert key is not None
    scheme = keys().scheme
    return detect(select([answer.written], h=scheme.h, prompts=[answer.prompt]), key, scheme, subject="t").log_e


def forced(answer: Asked, given: int = 0) -> int:
    """How many tokens the core alone would have chosen, from the model and the request's parameters; all must agree."""
    scheme, n = keys().scheme, 0
    turn = Turn(keys().of(answer.party or FLEET, NOW))
    turn.read(scheme, answer.prompt)
    for at in range(scheme.h, len(answer.written)):
        chosen, sure = choice(answer, at, turn)
        turn.wrote()
        if sure and at >= given:
            assert answer.written[at] == chosen
            n += 1
    return n


def choice(answer: Asked, at: int, turn: Turn) -> tuple[int, bool]:
    """The core's likeliest token at a place, and whether it leaves no other."""
    h = keys().scheme.h
    logits = warm(logits_after(Asked(None, None, answer.prompt, answer.written[:at])), answer)
    ids, p = candidates(logits.numpy(), top_k=answer.params.top_k, top_p=answer.params.top_p)
    after = tilt(keys().scheme, [turn], np.array([answer.written[at - h : at]]), ids[None], p[None])[0]
    return int(ids[after.argmax()]), after.max() == 1


@pytest.mark.parametrize("runner", [FirstRunner, SecondRunner, FirstInstalled, SecondInstalled])
def test_every_answer_has_its_partys_key_through_all_moves(host: Host, runner: Any) -> None:
    engine = runner(host)
    one = asked(host, "account:1", temperature=0.9, top_p=0.9)
    two = asked(host, "account:2", top_k=30)
    fleet = asked(host, None, min_p=0.02, temperature=1.3)
    staff, greedy = asked(host, "staff"), asked(host, "account:1", temperature=0)
    late, later = asked(host, "account:3", top_p=0.95, top_k=50), asked(host, "account:2", seed=-5)
    engine.change(new=[staff, one, greedy, two, fleet])
    for _ in range(STEPS // 3):
        engine.step()
    engine.change(gone=[staff], swap=(0, 2))
    for _ in range(STEPS // 3):
        engine.step()
    engine.change(gone=[greedy], new=[late, later])
    for _ in range(STEPS):
        engine.step()
    plain = asked(host, "staff", top_k=40)
    engine.change(gone=[one, two], new=[plain], swap=(0, 1))
    for _ in range(STEPS):
        engine.step()
    for answer in (one, two, fleet, late, later):
        assert forced(answer) > STEPS // 2
        for party in ("account:1", "account:2", "account:3", FLEET):
            assert (found(answer, party) > math.log(1e4)) == (party == (answer.party or FLEET))
            if party != (answer.party or FLEET):
                assert found(answer, party) < math.log(20)
    for answer in (staff, plain):
        assert all(found(answer, party) < math.log(20) for party in ("account:1", "account:2", FLEET))
    for k, token in enumerate(greedy.written):
        assert token == logits_after(Asked(None, None, greedy.prompt, greedy.written[:k])).argmax()


@RUNNERS
def test_a_step_that_is_thrown_away_uses_up_no_window(host: Host, runner: Any) -> None:
    engine, one = runner(host), asked(host, "account:1")
    one.written += [7, 8, 9]  # it goes on after a pause
    engine.change(new=[one])
    for k in range(60):
        if k % 4 == 0:
            engine.step(thrown_away=True)
        engine.step()
    assert forced(one, given=3) > 40


@RUNNERS
def test_windows_of_the_prompt_and_of_before_a_pause_are_used(host: Host, runner: Any) -> None:
    """A model that goes round in small circles, and an answer that goes on from 80 tokens."""
    params = {"top_k": 2, "temperature": 2.0}
    first, again, paused = (asked(host, "account:1", **params) for _ in range(3))
    engine = runner(host)
    engine.change(new=[first])
    for _ in range(80):
        engine.step()
    again.prompt, paused.prompt, paused.written = first.prompt + first.written, first.prompt, list(first.written)
    engine.change(gone=[first], new=[again, paused])
    for _ in range(200):
        engine.step()
    earlier = {tuple(first.written[k : k + 2]) for k in range(78)}
    for answer, start in ((again, 2), (paused, 80)):
        at = {tuple(answer.written[k - 2 : k]): k for k in reversed(range(start, len(answer.written)))}  # the first
        places = [k for window, k in at.items() if window in earlier]
        as_by_key = [answer.written[k] == choice(answer, k, Turn(keys().of("account:1", NOW)))[0] for k in places]
        assert len(places) > 5
        assert not all(as_by_key)  # the engine's own draws
        forced(answer, given=start)


def test_the_middle_of_a_prompt_is_not_looked_at(host: Host) -> None:
    engine = SecondRunner(host)
    engine.change(new=[asked(host, "account:1")])
    engine.step(thrown_away=True)
    assert [request.at for request in engine.processor._slots.values()] == [None]
    engine.step()
    assert [request.at for request in engine.processor._slots.values()] == [0]


@pytest.mark.peers
@ABSENT
@pytest.mark.parametrize("host", [True], indirect=True)
def test_it_is_so_in_vllms_own_batch_and_sampler(host: Host) -> None:
    test_every_answer_has_its_partys_key_through_all_moves(host, OwnRunner)
    test_a_step_that_is_thrown_away_uses_up_no_window(host, OwnRunner)
    test_windows_of_the_prompt_and_of_before_a_pause_are_used(host, OwnRunner)


@RUNNERS
def test_what_is_asked_for_token_by_token_is_not_marked(host: Host, runner: Any) -> None:
    """As vLLM makes its beams: so the how-to has the gateway refuse them."""
    engine, whole = runner(host), asked(host, None)
    for _ in range(STEPS):
        one = Asked(None, whole.params, whole.prompt + whole.written)
        engine.change(new=[one])
        engine.step()
        engine.change(gone=[one])
        whole.written += one.written
    assert found(whole, FLEET) < math.log(20)


@RUNNERS
def test_a_batch_without_marked_rows_is_left_alone(host: Host, runner: Any) -> None:
    engine = runner(host)
    engine.change(new=[asked(host, "staff")])
    engine.step()
    engine.processor._rows = getattr(engine.processor, "_rows", {})
    engine.change(gone=list(engine.rows if runner is FirstRunner else engine.slots.values()))
    logits = torch.randn(3, VOCABULARY)
    same = logits.clone()
    if runner is FirstRunner:
        assert torch.equal(engine.processor.apply(logits), same)
    else:
        assert torch.equal(engine.processor.apply(logits, SimpleNamespace(idx_mapping_np=np.arange(3))), same)


@pytest.mark.parametrize("name", ["vllm", "vllm_v2"])
@pytest.mark.parametrize("party", ["", " ", None, 7, ["account:1"], "x" * 2000, "account:\ud800"])
def test_a_client_cannot_opt_out_by_naming_nobody(host: Host, name: str, party: Any) -> None:
    made = importlib.import_module(f"gauger.edge.marking.{name}").Marking
    with pytest.raises(ValueError, match=ARGUMENT):
        made.validate_params(host.params(extra_args={ARGUMENT: party}))
    made.validate_params(host.params(extra_args={ARGUMENT: "account:1"}))
    made.validate_params(host.params())


def test_tokens_that_the_engine_keeps_to_itself_are_an_error(host: Host) -> None:
    engine, one = FirstRunner(host), asked(host, "account:1")
    engine.change(new=[one])
    one.written += [5, -1]
    with pytest.raises(ConfigError, match="--logits-processors"):
        engine.step()


def test_a_request_without_top_p_does_not_widen_the_others(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs is its own, and every row is decided as it would be alone."""
    rows = importlib.import_module("gauger.edge.marking.engine_rows")
    widths = list[tuple[int, ...]]()

    def spied(ids: Any, p: Any) -> Any:
        widths.append(tuple(ids.shape))
        return to_candidates(ids, p)

    to_candidates = rows.to_candidates
    monkeypatch.setattr(rows, "to_candidates", spied)
    asks = [Params(top_p=0.9), Params(), Params(top_k=9), Params(top_p=1.0, min_p=0.1), Params(top_p=0.5)]
    logits = 3 * torch.randn(5, 4000, generator=torch.Generator().manual_seed(4))
    before = np.arange(10).reshape(5, 2)

    def decided(which: Sequence[int]) -> list[list[float]]:
        made = [serving.Request(keys().of("account:1", NOW), asks[k], np.random.default_rng(k)) for k in which]  # type: ignore[arg-type]
        chosen = rows.decide(logits[which].clone(), keys().scheme, range(len(which)), made, before[which], scaled=False)
        assert (torch.isfinite(chosen).sum(-1) == 1).all()
        return chosen.tolist()

    together = decided(range(5))
    assert [shape[0] for shape in widths] == [4, 1]
    assert widths[0][1] < 2048 < widths[1][1] == 4000
    assert together == [decided([k])[0] for k in range(5)]


@pytest.mark.parametrize("faulty", [slice(None), 7])
def test_a_row_without_numbers_is_left_to_the_engine(host: Host, faulty: slice | int) -> None:
    engine, broken, one = FirstRunner(host), asked(host, "account:2"), asked(host, "account:1")
    engine.change(new=[broken, one])
    for _ in range(3):
        engine.step()
    for rows in (slice(1), slice(2)):
        logits = torch.randn(2, VOCABULARY)
        logits[rows, faulty] = torch.nan
        after = engine.processor.apply(logits.clone())
        torch.testing.assert_close(after[rows], logits[rows], rtol=0, atol=0, equal_nan=True)
        assert (torch.isfinite(after[1]).sum() == 1) == (rows.stop == 1)


def test_the_how_tos_settings_and_classes_are_real(host: Host) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "mark-what-you-serve.md").read_text()
    (settings,) = re.findall(r"```json\n(\{\"schema\".*?)```", page, re.DOTALL)
    assert msgspec.json.decode(settings, type=Settings).scheme == "gumbel"
    named = set(re.findall(r"gauger\.edge\.marking\.(\w+):(\w+)", page))
    assert named == {("vllm", "Marking"), ("vllm_v2", "Marking")}
    named.add(("vllm_plugin", "Marking"))
    for module, name in named:
        assert callable(getattr(importlib.import_module(f"gauger.edge.marking.{module}"), name).apply)
    assert f'"{ARGUMENT}"' in page
    assert "`use_beam_search`" in page


def test_drafts_are_refused(host: Host) -> None:
    config = SimpleNamespace(model_config=CONFIG.model_config, speculative_config=object())
    with pytest.raises(ConfigError, match="speculative"):
        importlib.import_module("gauger.edge.marking.vllm_v2").Marking(config, None)


@pytest.mark.parametrize(
    ("name", "runner"), [("vllm", ("cpu", False)), ("vllm_v2", (None,)), ("vllm_plugin", ("cpu", False))]
)
def test_diffusion_models_are_refused(host: Host, name: str, runner: tuple[Any, ...]) -> None:
    """Their sampler asks no processor, in either runner: the server would start, and mark nothing."""
    made = importlib.import_module(f"gauger.edge.marking.{name}").Marking
    config = SimpleNamespace(**vars(CONFIG) | {"model_config": SimpleNamespace(seed=0, logits_processors=None)})
    made(config, *runner)
    config.model_config.is_diffusion = True
    with pytest.raises(ConfigError, match="diffusion"):
        made(config, *runner)


@pytest.mark.peers
@ABSENT
@pytest.mark.parametrize("host", [True], indirect=True)
def test_vllm_still_says_which_models_are_diffusion(host: Host) -> None:
    assert "is_diffusion" in vars(importlib.import_module("vllm.config.model").ModelConfig)


def test_an_installed_processor_refuses_a_first_runner_that_schedules_ahead(host: Host) -> None:
    ahead = SimpleNamespace(async_scheduling=True)
    plugin = importlib.import_module("gauger.edge.marking.vllm_plugin")
    config = SimpleNamespace(model_config=CONFIG.model_config, speculative_config=None, scheduler_config=ahead)
    with pytest.raises(ConfigError, match="--no-async-scheduling"):
        plugin.Marking(config, "cpu", False)
    plugin.Marking(config, None)
    config.model_config = SimpleNamespace(seed=0, logits_processors=["some:Other"])
    plugin.Marking(config, "cpu", False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution with the entry point, as pip installs it."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs hatchling")
    folder, here = tmp_path_factory.mktemp("site"), Path(__file__).parents[2] / "packaging" / "gauger-vllm"
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *install, str(here)], check=True, timeout=120)
    return folder


def test_the_entry_point_is_one_that_loads(host: Host, installed: Path) -> None:
    """By name; by vLLM's own loaders where there is vLLM."""
    (found,) = importlib.metadata.distributions(path=[str(installed)])
    (point,) = found.entry_points.select(group="vllm.logits_processors")
    assert list(installed.glob("*.dist-info")) == list(installed.iterdir()), "it brings no code of its own"
    marking = point.load()
    assert issubclass(marking, importlib.import_module(V2).LogitsProcessor)
    assert isinstance(marking(CONFIG, "cpu", False), importlib.import_module(V1).LogitsProcessor)


@pytest.mark.peers
@ABSENT
@pytest.mark.parametrize("host", [True], indirect=True)
def test_vllms_own_loaders_take_it_for_both_runners(
    host: Host, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(installed))
    first, second = importlib.import_module(V1), importlib.import_module(f"{V2}.loader")
    (one,) = first.build_logitsprocs(CONFIG, torch.device("cpu"), False, False).argmax_invariant[1:]
    assert type(one).__module__ == "gauger.edge.marking.vllm"
    (other,) = second._load_v2_logitsprocs(None)
    assert other.__module__ == "gauger.edge.marking.vllm_plugin"
    check = second.build_custom_logits_processors_params_validator(None)
    check(host.params(extra_args={ARGUMENT: "account:1"}))
    refused = importlib.import_module("vllm.exceptions").VLLMValidationError
    with pytest.raises(refused, match=ARGUMENT):
        check(host.params(extra_args={ARGUMENT: " "}))


@pytest.mark.parametrize("scheme", ["tournament:h=2:layers=3", "greenlist:h=1:delta=2"])
def test_other_schemes_draw_by_the_engines_seed(host: Host, tmp_path: Path, scheme: str) -> None:
    """Every process of a model draws for itself, and must draw alike."""
    (tmp_path / "marking.json").write_text(json.dumps(SETTINGS | {"scheme": scheme}))
    answers = []
    for _ in range(2):
        engine, one = FirstRunner(host), asked(host, "account:1", top_p=0.9)
        engine.change(new=[one])
        for _ in range(300):
            engine.step()
        answers.append(one)
    assert answers[0].written == answers[1].written
    assert found(answers[0], "account:1") > math.log(1e4) > math.log(20) > found(answers[0], "account:2")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (None, VARIABLE),
        ("{", "no settings of marking"),
        (SETTINGS | {"unmarkd": []}, "unmarkd"),
        (SETTINGS | {"master_env": None}, "where the master key is"),
        (SETTINGS | {"key_file": "k"}, "where the master key is"),
        (SETTINGS | {"scheme": "gumble"}, "no scheme is called"),
        (SETTINGS | {"scheme": "gumbel:h=1"}, "h of at least"),
        (SETTINGS | {"scheme": "tournament:h=1"}, "h of at least"),
        (SETTINGS | {"tenant": " "}, "tenant"),
        (SETTINGS | {"tenant": " ", "unmarked": [FLEET]}, "tenant"),
        (SETTINGS | {"period_days": 0}, "period_days"),
        (SETTINGS | {"master_env": "NOT_SET"}, "is not set"),
    ],
)
def test_wrong_settings_stop_the_service(
    settings: Any, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MASTER", MASTER.hex())
    monkeypatch.delenv(VARIABLE, raising=False)
    if settings is not None:
        (tmp_path / "marking.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
        monkeypatch.setenv(VARIABLE, str(tmp_path / "marking.json"))
    with pytest.raises((ConfigError, InputError), match=says):
        keys_from_env()


def test_keys_change_with_their_period_and_the_fleets_slowly() -> None:
    made = Keys(Settings(**{name: value for name, value in SETTINGS.items() if name != "unmarked"}), MASTER)  # type: ignore[arg-type]
    january, march = datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
    early, late = made.of("account:1", january), made.of("account:1", march)
    assert early is not None
    assert early != late
    assert made.of("account:1", january) == early
    assert early.context.epoch.endswith("/P28D")
    assert made.of(FLEET, january) == made.of(FLEET, march)
    assert party_of(None) == FLEET
