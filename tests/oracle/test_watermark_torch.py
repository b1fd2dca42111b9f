"""The keyed function in torch: bit for bit that of numpy and of the published vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauger.watermark import prf

torch = pytest.importorskip("torch", reason="needs torch: pip install 'gauger[models]'")
torch_prf = pytest.importorskip("gauger.edge.marking.torch_prf")

VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "watermark-vectors.json").read_text())
U64 = st.integers(0, 2**64 - 1)
TOKENS = st.lists(st.integers(0, 2**32 - 1), max_size=6)


def signed(words: list[int]) -> torch.Tensor:
    return torch.from_numpy(np.array(words, np.uint64).view(np.int64))


def unsigned(words: torch.Tensor) -> np.ndarray:
    return words.numpy().view(np.uint64)


def test_the_official_vectors() -> None:
    key, expected = bytes(range(16)), [bytes.fromhex(v) for v in VECTORS["siphash-2-4"]]
    keys = torch_prf.key_words([key + bytes(16)])[0]
    for n in range(0, 64, 8):
        words = torch.from_numpy(np.frombuffer(bytes(range(n)), "<i8").copy())
        assert int(unsigned(torch_prf.siphash(keys, words))) == int.from_bytes(expected[n], "little")


@pytest.mark.parametrize("vector", VECTORS[prf.VERSION], ids=lambda v: f"h{len(v['window_tokens'])}")
def test_our_own_vectors(vector: dict[str, object]) -> None:
    keys = torch_prf.key_words([bytes.fromhex(str(vector["secret"]))])[0]
    state = torch_prf.window(keys, torch.tensor(vector["window_tokens"], dtype=torch.int64))
    value = torch_prf.value(keys, state, torch.tensor(vector["token"]))
    assert f"{int(unsigned(state)):016x}" == vector["window"]
    assert f"{int(unsigned(value)):016x}" == vector["value"]
    assert float(torch_prf.uniform(value)) == vector["uniform"]


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=3), TOKENS, st.integers(0, 2**32 - 1))
def test_numpy_and_torch_agree(secrets: list[bytes], tokens: list[int], token: int) -> None:
    ours, theirs = prf.key_words(secrets), torch_prf.key_words(secrets)
    states = torch_prf.window(theirs, torch.tensor([tokens] * len(secrets), dtype=torch.int64))
    values = torch_prf.value(theirs, states, torch.tensor(token))
    assert unsigned(states).tolist() == prf.window(ours, np.array([tokens] * len(secrets), np.uint64)).tolist()
    assert unsigned(values).tolist() == prf.value(ours, unsigned(states), np.array(token)).tolist()
    assert torch_prf.uniform(values).tolist() == prf.uniform(unsigned(values)).tolist()


@given(st.lists(U64, min_size=1, max_size=5), st.lists(U64, min_size=1, max_size=5))
def test_keys_windows_and_tokens_broadcast(halves: list[int], states: list[int]) -> None:
    ours = np.array([[k, k ^ 1] for k in halves], np.uint64)
    values = torch_prf.value(torch.from_numpy(ours.view(np.int64))[:, None, :], signed(states), torch.tensor(5))
    assert unsigned(values).tolist() == prf.value(ours[:, None, :], np.array(states, np.uint64), np.array(5)).tolist()


def test_the_ends_are_never_reached() -> None:
    assert torch_prf.uniform(signed([0, 2**64 - 1])).tolist() == [2.0**-53, 1 - 2.0**-53]
