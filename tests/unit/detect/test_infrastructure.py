"""Cards, networks, clients and sign-ups, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gauger.detect.infrastructure import SIGNAL, group

MEMBERS = np.arange(4)
ALL_FOUR, ONE_PAIR = 4 * 3, 2 * 1  # ordered pairs of members that share


def test_a_card_that_pays_for_strangers(traffic) -> None:
    cards = ["card"] * 3 + ["other"] + [None] * 16
    assert group(traffic(20, payment_hash=cards), MEMBERS)["shared_payment"] == 3 / 4


def test_a_card_of_one_org_is_its_own(traffic) -> None:
    orgs = ["x"] * 4 + [f"o{i}" for i in range(16)]
    made = traffic(20, payment_hash=["card"] * 4 + [None] * 16, org=orgs)
    assert group(made, MEMBERS)["shared_payment"] == 0
    assert group(made, MEMBERS)["unrelated_orgs"] == 0
    assert np.isnan(group(traffic(20), MEMBERS)["shared_payment"])


def test_lift_over_the_log(traffic) -> None:
    net = [("net", i, 1) for i in range(4)] + [("away", i, 1) for i in (10, 11)]
    made = traffic(20, held={"subnet_16": net, "user_agent": [("agent", i, 1) for i in range(20)]})
    scores = group(made, MEMBERS)
    anywhere = (ALL_FOUR + ONE_PAIR + 1) / (20 * 19 + 1)
    assert scores["network_lift"] == pytest.approx(np.log(1 / anywhere))
    assert scores["client_lift"] == pytest.approx(0)  # everyone's agent
    assert group(made, np.arange(5, 9))["network_lift"] == pytest.approx(np.log(1 / 13 / anywhere))


def test_a_cohort_of_sign_ups(traffic) -> None:
    created = np.linspace(0, 400 * 86_400, 101)
    created[:4] = 200 * 86_400 + np.arange(4) * 60
    made = traffic(101, created=created)
    assert group(made, MEMBERS)["signup_cohort"] > 5 - 0.7  # 200 days of quartiles against one day: log 200 = 5.3
    assert group(made, np.arange(10, 100, 10))["signup_cohort"] < 0.2
    assert np.isnan(group(traffic(20), MEMBERS)["signup_cohort"])


def test_few_doors(traffic) -> None:
    made = traffic(20, n=400, addresses=[1] * 4 + [4] * 16)
    assert group(made, MEMBERS)["few_addresses"] == pytest.approx(np.log(4))


def test_without_any_it_says_so(traffic) -> None:
    assert SIGNAL.missing(traffic(4))
    assert not SIGNAL.missing(traffic(4, held={"user_agent": [("agent", 0, 1)]}))
    assert not SIGNAL.missing(traffic(4, payment_hash=["card", None, None, None]))
