"""Worlds by name."""

from __future__ import annotations

from gauger.detect.simulate.spec import CampaignSpec, Crowd, WorldSpec

_SMALL = (
    CampaignSpec(name="thinkers", kinds=("reasoning",), accounts=30, per_day=6, languages=("en", "zh")),
    CampaignSpec(
        name="examiners",
        kinds=("grading", "evolution"),
        accounts=24,
        per_day=5,
        dilution=0.6,
        paraphrase=0.3,
        cards="own",
        addresses="residential",
        agents="few",
        timing="lockstep",
        signup="spread",
        ban_share=0.3,
    ),
    CampaignSpec(
        name="relay",
        kinds=("agentic", "coding"),
        accounts=20,
        per_day=5,
        turns=3,
        hop=0.6,
        timing="circadian",
        addresses="own",
        sampling="default",
        languages=("en", "ko"),
        pivot_h=6,
        replay_reasoning=0.2,
    ),
)

_STANDARD = (
    CampaignSpec(
        name="loom",
        kinds=("reasoning", "reconstruction"),
        accounts=260,
        per_day=6,
        languages=("en", "zh"),
        paraphrase=0.4,
        dilution=0.5,
        addresses="residential",
        agents="few",
        ban_share=0.35,
    ),
    CampaignSpec(
        name="assay",
        kinds=("grading",),
        accounts=110,
        per_day=10,
        dilution=0.3,
        cards="own",
        timing="lockstep",
        sampling="logprobs",
        signup="spread",
    ),
    CampaignSpec(
        name="caravan",
        kinds=("agentic", "coding"),
        accounts=150,
        per_day=9,
        turns=3,
        hop=0.5,
        timing="circadian",
        dilution=0.7,
        addresses="own",
        failover=True,
        languages=("en", "ko", "ru"),
    ),
    CampaignSpec(
        name="magpie",
        kinds=("knowledge", "math", "evolution"),
        accounts=80,
        per_day=15,
        paraphrase=0.7,
        agents="own",
        pivot_h=5,
        languages=("en", "es", "de"),
        sampling="many",
    ),
    CampaignSpec(
        name="curtain",
        kinds=("censorship",),
        accounts=40,
        per_day=14,
        languages=("zh", "en"),
        timing="handover",
        ban_share=0.2,
        replay_reasoning=0.1,
    ),
    CampaignSpec(name="hermit", kinds=("reasoning", "math", "coding"), accounts=1, per_day=350, cards="own"),
)


def _evader(name: str, **turned: object) -> CampaignSpec:
    """A mid-sized campaign with its evasion knobs turned."""
    plain: dict[str, object] = {"kinds": ("reasoning", "grading"), "accounts": 60, "per_day": 10, "dilution": 0.5}
    return CampaignSpec(name=name, **(plain | turned))  # type: ignore[arg-type]


_ADAPTIVE = (
    _evader("paraphrase", paraphrase=1.0),
    _evader("own-cards", cards="own", signup="spread"),
    _evader("own-addresses", addresses="own", agents="own"),
    _evader("five-percent", dilution=0.05, accounts=80),
    _evader("replayed-users", cover="replay", dilution=0.2, timing="circadian"),
    _evader("two-a-day", per_day=2, accounts=150),
)

PRESETS: dict[str, WorldSpec] = {
    "small": WorldSpec(campaigns=_SMALL, activity=0.4),
    "demo": WorldSpec(crowd=Crowd().times(2.2), campaigns=_SMALL, activity=0.65),
    "standard": WorldSpec(crowd=Crowd().times(6.5), campaigns=_STANDARD, activity=0.65),
    "adaptive": WorldSpec(crowd=Crowd().times(4), campaigns=_ADAPTIVE, activity=0.8),
    "benign": WorldSpec(crowd=Crowd().times(2.2), activity=0.75),
}
"""small: for tests, about 24 thousand exchanges. demo: 74 thousand. standard: 285 thousand, six varied campaigns.
adaptive: each campaign turns one evasion knob. benign: hard negatives only."""
