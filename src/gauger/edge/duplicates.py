"""Which event ids were seen before, in bounded memory: 8 bytes a slot, below 300 MB for 16 million ids.

Ids are compared by a keyed 64-bit hash in open-addressing tables, one for each value of the leading bits, so
that a table that grows copies a 64th of the whole. Among 16 million ids two collide with probability below 1e-5.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gauger.compiled import compiled

_SHARDS = 64
_SHIFT = np.uint64(64 - 6)
_FULL = 0.8  # of a table's slots


class Duplicates:
    """Remembers ids.

    Args:
        key: 64 secret or random bits, so that nobody can prepare ids that collide.
    """

    def __init__(self, key: int = 0) -> None:
        self._key = np.uint64(key & (2**64 - 1))
        self._tables = [np.zeros(64, np.uint64) for _ in range(_SHARDS)]
        self._used = np.zeros(_SHARDS, np.int64)

    def __len__(self) -> int:
        return int(self._used.sum())

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return sum(t.nbytes for t in self._tables)

    def add(self, ids: pa.Array) -> npt.NDArray[np.bool_]:
        """Remember the ids (a string array); True where one was there before, also earlier in this array.

        A null id is never a duplicate.
        """
        seen = np.zeros(len(ids), np.bool_)
        if ids.null_count < len(ids):
            seen[ids.is_valid().to_numpy(zero_copy_only=False)] = self._add(ids.drop_null().cast(pa.large_string()))
        return seen

    def _add(self, ids: pa.Array) -> npt.NDArray[np.bool_]:
        offsets = np.frombuffer(ids.buffers()[1], np.int64, len(ids) + 1, ids.offset * 8)
        data = ids.buffers()[2]
        text = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
        hashes = _hash(offsets, text, self._key)
        seen = np.zeros(len(ids), np.bool_)
        order = np.argsort(hashes >> _SHIFT, kind="stable")
        bounds = np.searchsorted(hashes[order] >> _SHIFT, np.arange(_SHARDS + 1, dtype=np.uint64))
        for shard in range(_SHARDS):
            mine = order[bounds[shard] : bounds[shard + 1]]
            if len(mine):
                self._make_room(shard, len(mine))
                self._used[shard] += _insert(self._tables[shard], hashes, mine, seen)
        return seen

    def _make_room(self, shard: int, more: int) -> None:
        old = self._tables[shard]
        size = len(old)
        while self._used[shard] + more > _FULL * size:
            size *= 2
        if size > len(old):
            self._tables[shard] = np.zeros(size, np.uint64)
            kept = old[old != 0]
            _insert(self._tables[shard], kept, np.arange(len(kept)), np.zeros(len(kept), np.bool_))


@compiled
def _hash(offsets, text, key):  # type: ignore[no-untyped-def]
    """Murmur-style 64-bit hashes of strings; 0 is kept for empty slots."""
    out = np.empty(len(offsets) - 1, np.uint64)
    m = np.uint64(0xC6A4A7935BD1E995)
    for i in range(len(out)):
        begin, end = offsets[i], offsets[i + 1]
        h = key ^ (np.uint64(end - begin) * m)
        word = np.uint64(0)
        for j in range(begin, end):
            word = (word << np.uint64(8)) | np.uint64(text[j])
            if (j - begin) & 7 == 7 or j == end - 1:
                k = word * m
                k = (k ^ (k >> np.uint64(47))) * m
                h = (h ^ k) * m
                h ^= h >> np.uint64(29)
                word = np.uint64(0)
        h = (h ^ (h >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
        out[i] = h if h != 0 else np.uint64(1)
    return out


@compiled
def _insert(table, hashes, which, seen):  # type: ignore[no-untyped-def]
    """Insert ``hashes[which]`` by linear probing, marking those that were there; returns how many were new."""
    mask = np.uint64(len(table) - 1)
    new = 0
    for i in which:
        h = hashes[i]
        at = h & mask
        while table[at] != 0 and table[at] != h:
            at = (at + np.uint64(1)) & mask
        if table[at] == 0:
            table[at] = h
            new += 1
        else:
            seen[i] = True
    return new
