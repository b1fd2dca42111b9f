"""SipHash-2-4 byte by byte in plain Python, the official vectors, and Gauger's own published ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauger.errors import ConfigError
from gauger.watermark import prf

VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "watermark-vectors.json").read_text())
MASK = 2**64 - 1
U64 = st.integers(0, MASK)
TOKENS = st.lists(st.integers(0, 2**32 - 1), max_size=6)


def slow_siphash(key: bytes, message: bytes) -> int:
    """The function as its paper writes it down."""

    def rotated(x: int, b: int) -> int:
        return (x << b | x >> (64 - b)) & MASK

    def rounds(times: int) -> None:
        for _ in range(times):
            v[0] = (v[0] + v[1]) & MASK
            v[2] = (v[2] + v[3]) & MASK
            v[1] = rotated(v[1], 13) ^ v[0]
            v[3] = rotated(v[3], 16) ^ v[2]
            v[0] = rotated(v[0], 32)
            v[2] = (v[2] + v[1]) & MASK
            v[0] = (v[0] + v[3]) & MASK
            v[1] = rotated(v[1], 17) ^ v[2]
            v[3] = rotated(v[3], 21) ^ v[0]
            v[2] = rotated(v[2], 32)

    k = [int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")]
    text = b"somepseudorandomlygeneratedbytes"
    v = [int.from_bytes(text[8 * i : 8 * i + 8], "big") ^ k[i % 2] for i in range(4)]
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def words(*numbers: int) -> bytes:
    return b"".join(n.to_bytes(8, "little") for n in numbers)


def slow_window(secret: bytes, tokens: list[int]) -> int:
    return slow_siphash(secret, words(len(tokens), *tokens))


def slow_value(secret: bytes, window: int, token: int) -> int:
    return slow_siphash(secret, words(window, token))


def test_the_official_vectors() -> None:
    """Key 00 01 .. 0f, messages of 0 to 63 bytes 00 01 ..: the twin on all, the product on those of whole words."""
    key, expected = bytes(range(16)), [bytes.fromhex(v) for v in VECTORS["siphash-2-4"]]
    assert len(expected) == 64
    assert expected[15] == (0xA129CA6149BE45E5).to_bytes(8, "little")  # the paper's own, its appendix A
    assert [slow_siphash(key, bytes(range(n))) for n in range(64)] == [int.from_bytes(v, "little") for v in expected]
    keys = prf.key_words([key + bytes(16)])[0]
    for n in range(0, 64, 8):
        message = np.frombuffer(bytes(range(n)), "<u8")
        assert int(prf.siphash(keys, message)) == int.from_bytes(expected[n], "little")


@pytest.mark.parametrize("vector", VECTORS[prf.VERSION], ids=lambda v: f"h{len(v['window_tokens'])}")
def test_our_own_vectors(vector: dict[str, object]) -> None:
    secret, tokens, token = bytes.fromhex(str(vector["secret"])), vector["window_tokens"], vector["token"]
    keys = prf.key_words([secret])[0]
    state = prf.window(keys, np.array(tokens, np.uint64))
    value = prf.value(keys, state, np.array(token))
    assert f"{int(state):016x}" == vector["window"]
    assert f"{int(value):016x}" == vector["value"]
    assert float(prf.uniform(value)) == vector["uniform"]
    assert slow_window(secret, tokens) == int(state)  # type: ignore[arg-type]
    assert slow_value(secret, int(state), token) == int(value)  # type: ignore[arg-type]


@given(st.binary(min_size=32, max_size=32), TOKENS, st.integers(0, 2**32 - 1))
def test_numpy_and_kernels_agree_with_the_twin(secret: bytes, tokens: list[int], token: int) -> None:
    keys, h = prf.key_words([secret]), len(tokens)
    state = slow_window(secret, tokens)
    row = np.array([7, *tokens, token], np.uint32)  # what stands before the window must not matter
    assert int(prf.window(keys[0], np.array(tokens, np.uint64))) == state
    assert int(prf.window_before(keys[0, 0], keys[0, 1], row, h + 1, h)) == state
    assert int(prf.value(keys[0], np.uint64(state), np.array(token))) == slow_value(secret, state, token)
    assert int(prf.value_of(keys[0, 0], keys[0, 1], np.uint64(state), row[-1])) == slow_value(secret, state, token)


@given(st.lists(U64, min_size=1, max_size=5), st.lists(U64, min_size=1, max_size=5))
def test_keys_windows_and_tokens_broadcast(halves: list[int], states: list[int]) -> None:
    keys = np.array([[k, k ^ 1] for k in halves], np.uint64)
    values = prf.value(keys[:, None, :], np.array(states, np.uint64)[None, :], np.array(5))
    assert values.shape == (len(halves), len(states))
    for i, k in enumerate(halves):
        for j, s in enumerate(states):
            assert int(values[i, j]) == slow_siphash(words(k, k ^ 1), words(s, 5))


def test_uniforms_are_never_an_end() -> None:
    ends = prf.uniform(np.array([0, MASK], np.uint64))
    assert ends.tolist() == [2.0**-53, 1 - 2.0**-53]
    assert np.isfinite(np.log(ends)).all()
    assert np.isfinite(np.log1p(-ends)).all()


@pytest.mark.parametrize("secret", [b"", bytes(16), bytes(33), "0" * 32])
def test_a_secret_of_another_length_is_refused(secret: bytes) -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        prf.key_words([secret])
