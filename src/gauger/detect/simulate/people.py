"""Accounts, the orgs they belong to, and what clings to them: cards, addresses, clients, habits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gauger.detect.simulate.grammar import LANGUAGES, Texts, table, texts
from gauger.detect.simulate.spec import DAY

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_DATA = table("people")
SDKS: tuple[str, ...] = tuple(_DATA["sdks"])
_PLATFORMS: list[str] = _DATA["platforms"]
_CLOUD: list[str] = _DATA["cloud_prefixes"]
_ZONES_H: dict[str, list[float]] = _DATA["zones_h"]
_SHARES = [_DATA["language_shares"][x] for x in LANGUAGES]


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that were enrolled together; every field has one entry an account.

    Attributes:
        who: indices of the accounts.
        language: index into `LANGUAGES`. zone_h: hours east of UTC, with the owner's chronotype.
        addresses: (n, 3) addresses; agents: user agents. created: seconds since the world's start (may be negative).
    """

    who: Ints
    language: Ints
    zone_h: Floats
    addresses: Texts
    agents: Texts
    created: Floats

    def __len__(self) -> int:
        return len(self.who)


class Cast:
    """All orgs and accounts of a world, in order of enrolment."""

    def __init__(self, rng: np.random.Generator, days: int, release_day: float, sdks: float) -> None:
        self._rng = rng
        self._sdks = sdks
        self._days = days
        self._release = release_day * DAY
        self.orgs: list[dict[str, Any]] = []
        self.accounts: list[dict[str, Any]] = []
        self.domains = hexes(rng, 40)  # of the large mail providers

    def found(self, n: int, created: Floats, **known: Any) -> Ints:
        """Found n orgs. `known` gives columns (or one value for all) of plan, payment_hash, and so on."""
        rng = self._rng
        plans = np.array(["free", "payg", "pro"], dtype=object)[rng.choice(3, size=n, p=[0.3, 0.38, 0.32])]
        popular = self.domains[(len(self.domains) * rng.random(n) ** 3).astype(int)]
        columns = {
            "org": texts([f"org_{h}" for h in hexes(rng, n)]),
            "plan": plans,
            "verified": 0,
            "authorised_use": "",
            "created": created,
            "payment_hash": hexes(rng, n),
            "email_domain_hash": np.where(rng.random(n) < 0.75, popular, hexes(rng, n)),
        } | known
        first = len(self.orgs)
        unpaid = (columns["plan"] == "free") & (rng.random(n) < 0.5)  # no card on file
        full = {k: np.broadcast_to(np.asarray(v, dtype=object), (n,)).tolist() for k, v in columns.items()}
        full["payment_hash"] = [None if u else card for u, card in zip(unpaid, full["payment_hash"], strict=True)]
        self.orgs += [dict(zip(full, row, strict=True)) for row in zip(*full.values(), strict=True)]
        return np.arange(first, first + n)

    def enrol(
        self,
        orgs: Ints,
        kind: str,
        *,
        campaign: str = "",
        languages: Sequence[str] | None = None,
        created: Floats | None = None,
        switch_h: Floats | None = None,
        model: Ints | None = None,
        failover: float = 0.1,
    ) -> Group:
        """Open one account in each of `orgs` (indices; repeat an org for several accounts).

        Args:
            switch_h: hours after the new model's release at which each moves to it (inf: never).
            model: index of the model that each uses before.
            failover: share of the accounts that move to another model during an outage.
        """
        rng, n = self._rng, len(orgs)
        first = len(self.accounts)
        if created is None:
            created = np.array([self.orgs[o]["created"] for o in orgs], dtype=np.float64)
        if switch_h is None:
            switch_h = np.where(rng.random(n) < 0.7, rng.lognormal(np.log(120), 1.4, n), np.inf)
        if model is None:
            model = rng.choice(2, size=n, p=[0.45, 0.55])
        names, keys = hexes(rng, n), hexes(rng, n)
        moves, follows = self._release + switch_h * 3600, rng.random(n) < failover
        for i in range(n):
            self.accounts.append(
                {
                    "account": f"acct_{names[i]}",
                    "org": self.orgs[orgs[i]]["org"],
                    "kind": kind,
                    "label": int(bool(campaign)),
                    "campaign": campaign,
                    "api_key": f"hk_{keys[i]}",
                    "created": float(created[i]),
                    "moves": float(moves[i]),
                    "model": int(model[i]),
                    "failover": bool(follows[i]),
                    "banned": np.inf,
                }
            )
        language, zone = tongues(rng, n, languages)
        return Group(
            who=np.arange(first, first + n),
            language=language,
            zone_h=zone,
            addresses=homes(rng, n),
            agents=clients(rng, n, self._sdks),
            created=created,
        )

    def past(self, n: int, newcomers: float = 0.1) -> Floats:
        """Signup times: most over two years before the world, some within it."""
        age = -self._rng.exponential(220 * DAY, n) - DAY
        return np.asarray(np.where(self._rng.random(n) < newcomers, self._rng.uniform(0, self._days * DAY, n), age))


def tongues(rng: np.random.Generator, n: int, languages: Sequence[str] | None = None) -> tuple[Ints, Floats]:
    """Languages (as indices into `LANGUAGES`) and hours east of UTC, shifted by each one's chronotype."""
    if languages is None:
        language = rng.choice(len(LANGUAGES), size=n, p=_SHARES)
    else:
        language = np.array([LANGUAGES.index(x) for x in languages])[rng.integers(len(languages), size=n)]
    zones = [_ZONES_H[LANGUAGES[k]] for k in language]
    home = [float(z[i % len(z)]) for z, i in zip(zones, rng.integers(45, size=n).tolist(), strict=True)]
    return language, np.array(home) + rng.normal(0, 1.2, n)


def hexes(rng: np.random.Generator, n: int, digits: int = 16) -> Texts:
    """n random hexadecimal names."""
    return texts([f"{x:0{digits}x}" for x in rng.integers(2 ** (4 * digits) - 1, size=n, dtype=np.uint64).tolist()])


def homes(rng: np.random.Generator, n: int) -> Texts:
    """(n, 3) residential addresses: an account has one to three of its own, repeated; a tenth are IPv6."""
    a, b = rng.choice(_DATA["home_prefixes"], size=n), rng.integers(1, 255, n)
    tail = rng.integers(1, 255, size=(n, 3, 2))
    owned = 1 + rng.integers(3, size=n)
    six = rng.random(n) < 0.1
    found = np.empty((n, 3), dtype=object)
    for i in range(n):
        for k in range(3):
            c, d = tail[i, k % owned[i]]
            found[i, k] = f"2a02:{a[i]:x}{b[i]:02x}:{c:x}::{d:x}" if six[i] else f"{a[i]}.{b[i]}.{c}.{d}"
    return found


def clouds(rng: np.random.Generator, n: int, nets: int = 0) -> Texts:
    """(n, 3) addresses of cloud providers, each account's in one /24; `nets` > 0: only so many /24 among all."""
    pool = [f"{_CLOUD[rng.integers(len(_CLOUD))]}.{rng.integers(1, 255)}" for _ in range(nets or n)]
    pick = rng.integers(len(pool), size=n) if nets else np.arange(n)
    host = rng.integers(1, 255, size=(n, 3))
    return np.array([[f"{pool[p]}.{h}" for h in hs] for p, hs in zip(pick, host, strict=True)], dtype=object).reshape(
        n, 3
    )


def campus(rng: np.random.Generator, n: int, nets: int = 1) -> Texts:
    """(n, 3) addresses within the same few /24: a campus or a venue."""
    a, b, c = 130 + rng.integers(20), rng.integers(1, 255), rng.integers(1, 200)
    net, host = rng.integers(nets, size=(n, 3)), rng.integers(2, 254, size=(n, 3))
    found = [[f"{a}.{b}.{c + x}.{h}" for x, h in zip(xs, hs, strict=True)] for xs, hs in zip(net, host, strict=True)]
    return np.array(found, dtype=object).reshape(n, 3)


def clients(rng: np.random.Generator, n: int, sdk_share: float = 0.35) -> Texts:
    """User agents: browsers of many versions, and SDKs."""
    browser = [
        f"Mozilla/5.0 ({_PLATFORMS[p]}) Gecko/20100101 Firefox/{v}.0"
        if f
        else f"Mozilla/5.0 ({_PLATFORMS[p]}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36"
        for p, v, f in zip(rng.integers(5, size=n), rng.integers(128, 146, n), rng.random(n) < 0.25, strict=True)
    ]
    sdk = np.array(SDKS, dtype=object)[rng.integers(len(SDKS), size=n)]
    return np.where(rng.random(n) < sdk_share, sdk, texts(browser))


def within(hours: float, n: int, rng: np.random.Generator) -> Floats:
    """Switching times within so many hours of the new model's release."""
    return np.asarray(rng.uniform(0.1, hours, n))


NEVER = np.inf
