"""The statistics of agreement, against worked examples, libraries and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchorwatch.metrics.agreement import (
    Confusion,
    auroc,
    confusion,
    measures,
    rank_correlation,
    weighted_kappa,
    weighted_share,
)


class TestTables:
    def test_cohens_own_example(self):
        # Cohen 1960's kind of table: 20 and 15 agreed, 5 and 10 not; agreement .7, by chance .5.
        found = measures(Confusion(hits=20, misses=5, false_alarms=10, passes=15))
        assert found["kappa"].value == pytest.approx(0.4)
        assert found["accuracy"].value == pytest.approx(0.7)
        assert found["sensitivity"].value == pytest.approx(0.8)
        assert found["specificity"].value == pytest.approx(0.6)
        assert found["balanced_accuracy"].value == pytest.approx(0.7)
        assert found["f1"].value == pytest.approx(2 * 20 / (2 * 20 + 15))

    def test_perfect_agreement_of_few_rows_is_not_certain(self):
        kappa = measures(Confusion(5, 0, 0, 5))["kappa"]
        assert kappa.value == 1.0
        assert kappa.low < 0.75

    def test_without_rows_or_variation_nothing_is_said(self):
        assert measures(Confusion(0, 0, 0, 0))["kappa"].value is None
        assert measures(Confusion(0, 0, 0, 9))["kappa"].value is None
        assert measures(Confusion(0, 0, 0, 9))["sensitivity"].value is None

    @given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
    def test_the_interval_holds_the_value(self, rows):
        score, label = zip(*rows, strict=True)
        for found in measures(confusion(score, label)).values():
            if found.value is not None:
                assert found.low <= found.value <= found.high

    def test_the_intervals_cover_what_they_should(self):
        rng, inside = np.random.default_rng(3), {"kappa": 0, "f1": 0, "balanced_accuracy": 0}
        shares = np.array([0.15, 0.05, 0.08, 0.72])
        truth = measures(Confusion(*(shares * 1e6).astype(int)))
        for _ in range(200):
            found = measures(Confusion(*rng.multinomial(150, shares)))
            for name in inside:
                inside[name] += found[name].low <= truth[name].value <= found[name].high
        assert all(180 <= count <= 199 for count in inside.values()), inside


class TestAuroc:
    def test_is_the_share_of_pairs_in_order(self):
        badness, bad = [0.9, 0.5, 0.5, 0.1], [True, False, True, False]
        assert auroc(badness, bad).value == pytest.approx(3.5 / 4)

    def test_is_mann_whitney_and_covers(self):
        from scipy.stats import mannwhitneyu, norm

        rng, inside = np.random.default_rng(5), 0
        truth = norm.cdf(1 / np.sqrt(2))
        for _ in range(200):
            x = np.concatenate([rng.normal(1, 1, 40), rng.normal(0, 1, 80)])
            found = auroc(x, [True] * 40 + [False] * 80)
            inside += found.low <= truth <= found.high
        assert found.value == pytest.approx(mannwhitneyu(x[:40], x[40:]).statistic / 3200)
        assert 180 <= inside <= 199

    def test_one_class_alone_has_none_and_no_overlap_is_not_certain(self):
        assert auroc([0.1, 0.2], [True, True]).value is None
        assert auroc([0.9, 0.8, 0.1, 0.2], [True, True, False, False]).low < 0.5


def test_weighted_kappa_of_grades():
    # Quadratic weights: 1 - sum w observed / sum w expected, by hand for three grades.
    a, b = [1, 1, 2, 2, 3, 3], [1, 2, 2, 2, 3, 2]
    table = np.zeros((3, 3))
    for x, y in zip(a, b, strict=True):
        table[x - 1, y - 1] += 1 / 6
    w = (np.subtract.outer(range(3), range(3))) ** 2
    expected = np.outer(table.sum(1), table.sum(0))
    assert weighted_kappa(a, b).value == pytest.approx(1 - (w * table).sum() / (w * expected).sum())


def test_weighted_shares_and_rank_correlation():
    assert weighted_share([True, False], [3.0, 1.0]).value == 0.75
    assert weighted_share([], []).value is None
    assert rank_correlation([1, 2, 3, 4], [10, 20, 25, 99]).value == pytest.approx(1.0)
    assert rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]).value is None
