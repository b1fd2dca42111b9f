"""Labelled worlds: honest users of every kind that looks guilty, and campaigns with knobs.

`simulate(PRESETS["small"], np.random.default_rng(1))` gives a `World` of Arrow tables. The room is pure: the RNG is an
argument and nothing is written (see `gauger.edge.worlds`).
"""

from gauger.detect.simulate.grammar import LANGUAGES
from gauger.detect.simulate.presets import PRESETS
from gauger.detect.simulate.spec import KINDS, CampaignSpec, Crowd, WorldSpec
from gauger.detect.simulate.world import BANS, EXCHANGES, ORGS, RELEASES, TRUTH, World, simulate

__all__ = [
    "BANS",
    "EXCHANGES",
    "KINDS",
    "LANGUAGES",
    "ORGS",
    "PRESETS",
    "RELEASES",
    "TRUTH",
    "CampaignSpec",
    "Crowd",
    "World",
    "WorldSpec",
    "simulate",
]
