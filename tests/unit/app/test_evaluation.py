"""One small scan of which every figure was computed by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gauger.app.evaluation import evaluate_scan
from gauger.errors import InputError

# Campaign red: a b c (and d, never seen); blue: e f; solo: g. Benign: n0..n9 of five orgs.
TRUTH = """account,org,kind,label,campaign
a,o1,campaign:red,1,red
b,o2,campaign:red,1,red
c,o3,campaign:red,1,red
d,o4,campaign:red,1,red
e,o5,campaign:blue,1,blue
f,o6,campaign:blue,1,blue
g,o7,campaign:solo,1,solo
""" + "".join(f"n{i},p{i // 2},{'app' if i < 4 else 'chat'},0,\n" for i in range(10))

# c1 holds red but for c, with n0; c2 holds one of blue with two strangers; g is flagged alone.
SCAN = """account,org,exchanges,score,log10_e,flagged,campaign
a,o1,100,9,5,1,c1
b,o2,50,8,5,1,c1
c,o3,40,7,0.1,0,
e,o5,30,3,2,1,c2
f,o6,20,1,0,0,
g,o7,10,10,4,1,
n0,p0,1000,6,2,1,c1
n1,p0,5,2,2,1,c2
stranger,q,7,2,2,1,c2
""" + "".join(f"n{i},p{i // 2},{i},0,-inf,0,\n" for i in range(2, 10))

REPORT = {
    "schema": "gauger/scan-report/1",
    "campaigns": [
        {
            "id": "c1",
            "alarm": "2026-01-02T12:00:00Z",
            "timeline": [
                {"t": "2026-01-01T00:00:00Z", "exchanges": 30, "background": 1},
                {"t": "2026-01-02T00:00:00Z", "exchanges": 20, "background": 1},
                {"t": "2026-01-03T00:00:00Z", "exchanges": 100, "background": 1},
            ],
        },
        {"id": "c2", "alarm": None, "timeline": []},
    ],
}


@pytest.fixture
def scan(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "accounts.csv").write_text(SCAN)
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    (tmp_path / "truth.csv").write_text(TRUTH)
    return tmp_path, tmp_path / "truth.csv"


def test_every_figure(scan: tuple[Path, Path]) -> None:
    e = evaluate_scan(*scan, seed=1, replicates=100)
    value = {name: estimate.value for name, estimate in e.figures.items()}
    assert (e.positives, e.negatives, e.without_events, e.without_truth) == (6, 10, 1, 1)
    assert (e.positive_clusters, e.negative_clusters) == (3, 5)
    # Scores of positives 10 9 8 7 3 1, of negatives 6 2 0 x 8: four stand above the first negative.
    assert value["tpr_at_0.01"] == value["tpr_at_0.0001"] == pytest.approx(4 / 6)
    assert value["auroc"] == pytest.approx((4 * 10 + 9 + 8) / 60)
    assert value["auprc"] == pytest.approx((1 + 1 + 1 + 1 + 5 / 6 + 6 / 8) / 6)
    # Exchanges of positives 100 50 40 30 20 10, of negatives 1000 5 and 2..9: one negative above all.
    assert value["volume_tpr_at_0.01"] == 0.0
    assert value["volume_auroc"] == pytest.approx(54 / 60)
    assert value["volume_auprc"] == pytest.approx(sum(k / (k + 1) for k in range(1, 7)) / 6)
    assert value["tpr_flagged"] == pytest.approx(4 / 6)
    assert value["fpr_flagged"] == pytest.approx(2 / 10)
    assert value["campaigns_found"] == pytest.approx(2 / 3)


def test_kinds_with_exact_limits(scan: tuple[Path, Path]) -> None:
    kinds = {(k.kind, k.label): k for k in evaluate_scan(*scan, seed=1, replicates=10).kinds}
    assert [(k.flagged, k.accounts) for k in (kinds["app", 0], kinds["chat", 0], kinds["all", 0])] == [
        (2, 4),
        (0, 6),
        (2, 10),
    ]
    assert kinds["chat", 0].high == pytest.approx(1 - 0.025 ** (1 / 6))


def test_campaigns_and_what_leaked(scan: tuple[Path, Path]) -> None:
    e = evaluate_scan(*scan, seed=1, replicates=10)
    blue, red, solo = e.campaigns
    assert (red.nearest, red.jaccard, red.found, red.flagged, red.accounts) == ("c1", 2 / 4, True, 2, 3)
    assert red.leaked == 30 + 20 + 40  # two bins before the alarm, and all of c, whom no alarm reached
    assert (blue.nearest, blue.jaccard, blue.found, blue.leaked) == ("c2", 1 / 4, False, None)
    assert (solo.nearest, solo.jaccard, solo.found) == ("alone:g", 1.0, True)
    assert (e.reported, e.reported_true) == (2, 1)


def test_an_unseen_campaign_leaked_all(scan: tuple[Path, Path]) -> None:
    folder, truth = scan
    truth.write_text(TRUTH.replace(",1,blue", ",1,").replace("chat,0,\n", "chat,1,late\n", 1))  # n4 alone
    (late, *_) = evaluate_scan(folder, truth, seed=1, replicates=10).campaigns
    assert (late.campaign, late.nearest, late.jaccard, late.leaked) == ("late", "", 0.0, 4)


def test_the_seed_decides(scan: tuple[Path, Path]) -> None:
    one, same, other = (evaluate_scan(*scan, seed=s, replicates=30).figures for s in (1, 1, 2))
    assert one == same != other


def test_without_positives_or_report(scan: tuple[Path, Path]) -> None:
    folder, truth = scan
    (folder / "report.json").unlink()
    truth.write_text("account,org,kind,label,campaign\nn1,p0,app,0,\nn2,p1,app,0,\n")
    e = evaluate_scan(folder, truth, seed=1, replicates=10)
    assert e.figures["auroc"].value is None
    assert e.figures["fpr_flagged"].value == 0.5
    assert e.campaigns == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("flagged,campaign", "flag,campaign", "accounts.csv: no column flagged"),
        ("a,o1,100", "a,o1,ten", "accounts.csv:2: exchanges must be a whole number"),
        ("a,o1,100,9", "a,o1,100,nan", "accounts.csv:2: score must be a number"),
        ("a,o1,100,9,5,1", "a,o1,100,9,5,yes", "accounts.csv:2: flagged must be 0 or 1"),
        ("b,o2", "a,o2", "accounts.csv:3: this account stands in the file twice"),
        ("c,o3,40,7,0.1,0,", "c,o3", "accounts.csv:4: fewer fields"),
    ],
)
def test_bad_input_is_named(scan: tuple[Path, Path], old: str, new: str, says: str) -> None:
    folder, truth = scan
    (folder / "accounts.csv").write_text(SCAN.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        evaluate_scan(folder, truth, seed=1)
    assert says in str(caught.value)


def test_missing_and_foreign_files_are_named(scan: tuple[Path, Path]) -> None:
    folder, truth = scan
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        evaluate_scan(folder, folder / "nowhere.csv", seed=1)
    (folder / "report.json").write_text('{"schema": "other/1"}')
    with pytest.raises(InputError, match="scan-report/1"):
        evaluate_scan(folder, truth, seed=1)
    truth.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"truth\.csv: cannot be read as CSV"):
        evaluate_scan(folder, truth, seed=1)
