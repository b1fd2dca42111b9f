"""A world in the making: its cast, its chances, its voices, and the exchanges made so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gauger.detect.simulate import arrivals
from gauger.detect.simulate.grammar import LANGUAGES, Texts, load, texts
from gauger.detect.simulate.people import Cast, Floats, Group, Ints
from gauger.detect.simulate.rows import Rows, rows
from gauger.detect.simulate.spec import DAY, WorldSpec

_NEIGHBOURS = dict(zip("abcdefghijklmnoprstuvwy", "svxsdfghukjlknbiptedayibct", strict=False))


# What people's clients send, by account; most send nothing.
_TEMPERATURES = np.array([0.7, np.nan, 1.0, np.nan, np.nan, 0.2, np.nan])
_LIMITS = np.array([-1, -1, 1024, -1, -1, -1, -1, 4096, -1, -1, -1])


class Scene:
    """Where generators of honest users and of campaigns leave their exchanges."""

    def __init__(self, spec: WorldSpec, rng: np.random.Generator) -> None:
        self.spec = spec
        self.rng = rng
        self.cast = Cast(rng, spec.days, spec.release_day, spec.sdks)
        self.made: list[Rows] = []
        self._conversations = 0

    @property
    def end(self) -> float:
        """The world's end in seconds."""
        return self.spec.days * DAY

    def conversations(self, n: int) -> Ints:
        """Numbers for n new conversations."""
        self._conversations += n
        return np.arange(self._conversations - n, self._conversations)

    def counts(self, n: int, mean: float, sigma: float = 0.9) -> Ints:
        """Heavy-tailed numbers of events with about this mean, at least 1, scaled by the world's activity."""
        mean *= self.spec.activity
        return np.asarray(
            np.maximum(self.rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, n).round(), 1), dtype=np.int64
        )

    def say(self, rule: str, language: NDArray[Any], bind: Mapping[str, Texts] | None = None) -> Texts:
        """One text for each entry of `language` (indices into `LANGUAGES`)."""
        said = np.empty(len(language), dtype=object)
        for k in np.unique(language):
            at = np.flatnonzero(language == k)
            own = {name: column[at] for name, column in bind.items()} if bind else None
            said[at] = load(LANGUAGES[k]).expand(rule, len(at), self.rng, own)
        return said

    def english(self, rule: str, n: int, **bind: Texts) -> Texts:
        """n texts in English."""
        return load("en").expand(rule, n, self.rng, bind)

    def talk(
        self, group: Group, sessions: Ints, *, start: Floats | None = None, depth: float = 0.45, longest: int = 9
    ) -> Rows:
        """Multi-turn chats: `sessions` per account, at circadian times unless `start` gives them (sorted by account).

        Args:
            depth: probability that a chat goes on after each turn, up to `longest` turns.
        """
        rng = self.rng
        owner = np.repeat(np.arange(len(group)), sessions)
        if start is None:
            start = arrivals.circadian(rng, group.zone_h[owner], self.spec.days)
        turns = np.minimum(rng.geometric(1 - depth, size=len(owner)), longest)
        chat = np.repeat(np.arange(len(owner)), turns)
        turn = np.arange(len(chat)) - np.repeat(np.cumsum(turns) - turns, turns)
        gap = np.where(turn > 0, rng.exponential(70, len(chat)) + 8, 0.0)
        since = np.cumsum(gap)
        who = owner[chat]
        first = turn == 0
        prompt = np.empty(len(chat), dtype=object)
        prompt[first] = self.say("chat", group.language[who[first]])
        prompt[~first] = self.say("follow", group.language[who[~first]])
        place = rng.integers(3, size=len(owner))[chat]
        return rows(
            len(chat),
            time=start[chat] + since - since[np.flatnonzero(first)][chat],
            who=group.who[who],
            prompt=self.typed(prompt, group.who[who]),
            answer=self.say("answer", group.language[who]),
            address=group.addresses[who, place],
            user_agent=group.agents[who],
            conv=self.conversations(len(owner))[chat],
            turn=turn,
            session=(group.who[who] * 2654435761 % 1000 < 1000 * self.spec.sessions),
            thinks=(group.who[who] % 2 == 0),
            temperature=_TEMPERATURES[group.who[who] % len(_TEMPERATURES)],
            top_p=np.where(group.who[who] % 13 == 0, 0.95, np.nan),
            max_tokens=_LIMITS[group.who[who] % len(_LIMITS)],
        )

    def typed(self, prompt: Texts, who: Ints) -> Texts:
        """What fingers make of it: some people never use capitals, some forget the last mark, some mistype."""
        habit = (who * 2654435761) % 100
        slip = np.flatnonzero(
            (self.rng.random(len(prompt)) < 0.04) | ((habit % 9 == 0) & (self.rng.random(len(prompt)) < 0.4))
        )
        spots = self.rng.random(len(slip))
        typed = prompt.copy()
        lower = np.flatnonzero(habit < 22)
        typed[lower] = texts([p.lower() for p in typed[lower]])
        bare = np.flatnonzero((habit >= 15) & (habit < 40))
        typed[bare] = texts([p.rstrip(" .!?。？") for p in typed[bare]])
        typed[slip] = texts([_slip(p, spot) for p, spot in zip(typed[slip], spots, strict=True)])
        return typed

    def keep(self, table: Rows) -> Rows:
        """Add exchanges to the world."""
        self.made.append(table)
        return table


def _slip(prompt: str, spot: float) -> str:
    """Swap, drop or mistype one letter."""
    at = int(spot * max(len(prompt) - 2, 0))
    if not prompt[at : at + 2].isalpha():
        return prompt
    middle = (prompt[at + 1] + prompt[at], prompt[at], prompt[at] + _NEIGHBOURS.get(prompt[at + 1], prompt[at + 1]))
    return prompt[:at] + middle[int(spot * 1e6) % 3] + prompt[at + 2 :]
