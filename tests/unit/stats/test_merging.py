"""The rules of merging: what is refused, and worked numbers."""

from __future__ import annotations

import math

import pytest

from gauger.errors import ConfigError
from gauger.model import Evidence
from gauger.stats import calibrators, merging
from gauger.stats.merging import Latch, Looks, Merged, Reason


def e(value: float, null: str = "ordinary", kind: str = "exact") -> Merged:
    return Merged(null=null, kind=kind, log_e=math.log(value) if value else -math.inf)


def test_evidence_merges_as_it_is() -> None:
    one = Evidence(
        subject="s",
        null="ordinary",
        kind="exact",
        method="m",
        params={},
        log_e=math.log(4),
        n=1,
        anytime=True,
        inputs=("sha256:00",),
        why="",
    )
    merged = merging.mean([one, e(2)], [0.5, 0.5])
    assert merged.log_e == pytest.approx(math.log(3))
    assert (merged.null, merged.kind) == ("ordinary", "exact")


def test_mean_is_weighted_and_survives_extremes() -> None:
    assert merging.mean([e(10), e(0)], [0.1, 0.9]).log_e == pytest.approx(0.0)
    assert merging.mean([e(0), e(0)], [0.5, 0.5]).log_e == -math.inf
    far = Merged(null="ordinary", kind="exact", log_e=5000.0)
    assert merging.mean([far, e(1)], [0.5, 0.5]).log_e == pytest.approx(5000 - math.log(2))
    assert merging.mean([far, e(1)], [0.0, 1.0]).log_e == 0.0


def test_product_multiplies_for_a_reason() -> None:
    assert merging.product([e(2), e(3)], Reason.INDEPENDENTLY_RANDOMISED).log_e == pytest.approx(math.log(6))
    with pytest.raises(ConfigError, match="Reason"):
        merging.product([e(2), e(3)], "they look independent")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="calibration set"):
        merging.product([e(2, kind="calibrated"), e(3, kind="calibrated")], Reason.CONDITIONAL_ON_PAST)


def test_either_takes_the_weaker_and_names_both() -> None:
    merged = merging.either([e(50, "b"), e(7, "a")])
    assert merged == Merged(null="a OR b", kind="exact", log_e=math.log(7))


def test_lifting_costs_and_never_falls_below_its_start() -> None:
    assert merging.lifted(e(1e9)).log_e == pytest.approx(float(calibrators.mixture(-math.log(1e9))))
    assert merging.lifted(e(1e9)).log_e < math.log(1e9)
    assert merging.lifted(e(0.001)).log_e == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("rule", [merging.either, lambda v: merging.mean(v, [1 / len(v)] * len(v) if v else [])])
def test_kinds_never_mix_and_nothing_is_not_evidence(rule: object) -> None:
    with pytest.raises(ConfigError, match="kinds"):
        rule([e(2), e(3, kind="model")])  # type: ignore[operator]
    with pytest.raises(ConfigError, match="no e-value"):
        rule([])  # type: ignore[operator]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_refuses_what_is_no_e_value(bad: float) -> None:
    value = Merged(null="ordinary", kind="exact", log_e=bad)
    with pytest.raises(ConfigError, match="number"):
        merging.either([value, e(2)])
    with pytest.raises(ConfigError, match="number"):
        merging.lifted(value)


def test_different_nulls_are_refused() -> None:
    values = [e(2), e(3, "ordinary.")]
    with pytest.raises(ConfigError, match="2 different nulls"):
        merging.mean(values, [0.5, 0.5])
    with pytest.raises(ConfigError, match="2 different nulls"):
        merging.product(values, Reason.CONDITIONAL_ON_PAST)


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.6], [1.5, -0.5], [math.nan, 0.5]])
def test_weights_must_be_a_distribution(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="sum of 1"):
        merging.mean([e(2), e(3)], weights)


def test_latch_holds_where_it_first_crosses() -> None:
    latch = Latch(alpha=0.1, weights=(0.5, 0.5))
    latch = latch.update([e(8), e(1)])
    assert not latch.crossed
    crossed = latch.update([e(30), e(2)])
    assert crossed.crossed
    later = crossed.update([e(0.1), e(0.1)])
    assert later == crossed
    assert later.merged is not None
    assert later.merged.log_e == pytest.approx(math.log(16))


def test_latch_is_not_fooled_by_peaks_at_different_times() -> None:
    # Each peaks at 12 alone; the mean of the maxima would be 12, the mean of the values never is.
    latch = Latch(alpha=0.1, weights=(0.5, 0.5)).update([e(12), e(1)]).update([e(1), e(12)])
    assert not latch.crossed


def test_latch_keeps_to_one_null() -> None:
    latch = Latch(alpha=0.1, weights=(1.0,)).update([e(2)])
    with pytest.raises(ConfigError, match="nulls"):
        latch.update([e(2, "another")])
    with pytest.raises(ConfigError, match="alpha"):
        Latch(alpha=0.0, weights=(1.0,))


def test_looks_add_up_to_the_mean_over_all_that_were_planned() -> None:
    looks = Looks(alpha=0.1, planned=4)
    assert not looks.crossed
    seen = []
    for value in (8, 0, 16, 40):
        looks = looks.update(e(value))
        assert looks.merged is not None
        seen.append((math.exp(looks.merged.log_e), looks.crossed))
    assert [pytest.approx(total) for total, _ in seen] == [2, 2, 6, 16]
    assert [crossed for _, crossed in seen] == [False, False, False, True]
    with pytest.raises(ConfigError, match="all 4"):
        looks.update(e(1))


def test_a_look_at_nothing_is_nothing() -> None:
    looks = Looks(alpha=0.1, planned=2).update(e(0))
    assert looks.merged is not None
    assert looks.merged.log_e == -math.inf
    assert looks.update(e(0)).merged == looks.merged


def test_looks_keep_to_one_null_and_a_plan() -> None:
    with pytest.raises(ConfigError, match="nulls"):
        Looks(alpha=0.1, planned=2).update(e(2)).update(e(2, "another"))
    for alpha, planned in ((0.0, 2), (1.0, 2), (0.1, 0)):
        with pytest.raises(ConfigError, match="looks"):
            Looks(alpha=alpha, planned=planned)
