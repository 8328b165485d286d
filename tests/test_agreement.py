"""The statistics of agreement and of corrected rates, against worked examples, libraries and simulation."""

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
from anchorwatch.metrics.correction import Labelled, correct, ppi_plus_plus


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


TOO_LITTLE = "uncorrected (40 labels, the judge tells too little)"


class TestCorrection:
    def trial(self, rng, rate, sensitivity, specificity, labels=200, rows=500):
        bad = rng.random(labels) < rate
        judge = np.where(bad, rng.random(labels) < sensitivity, rng.random(labels) < 1 - specificity)
        apparent = rng.binomial(rows, rate * sensitivity + (1 - rate) * (1 - specificity)) / rows
        labelled = Labelled(bad.astype(float), judge.astype(float), np.ones(labels))
        return apparent, correct(apparent, apparent * (1 - apparent) / rows + 1e-12, labelled, is_rate=True)

    @pytest.mark.parametrize(
        ("rate", "sensitivity", "specificity"), [(0.1, 0.8, 0.95), (0.3, 0.9, 0.8), (0.1, 0.6, 0.9)]
    )
    def test_rogan_gladen_is_unbiased_and_covers_where_the_judge_is_not(self, rng, rate, sensitivity, specificity):
        trials = [self.trial(rng, rate, sensitivity, specificity) for _ in range(300)]
        found = [corrected for _, corrected in trials if corrected.value is not None]
        raw = np.mean([apparent for apparent, _ in trials])
        assert abs(raw - rate) > 0.02
        assert np.mean([f.value for f in found]) == pytest.approx(rate, abs=0.012)
        assert np.mean([f.low <= rate <= f.high for f in found]) > 0.92
        assert found[0].correction == "rogan-gladen (200 labels)"

    def test_rogan_gladen_of_the_paper_form(self):
        # By hand: (.2 + .9 - 1) / (.8 + .9 - 1) = 1 / 7.
        human = np.array([1.0] * 10 + [0.0] * 10)
        judge = np.array([1.0] * 8 + [0.0] * 2 + [1.0] + [0.0] * 9)
        found = correct(0.2, 0.001, Labelled(human, judge, np.ones(20)), is_rate=True)
        assert found.value == pytest.approx(1 / 7)

    def test_ppi_covers_and_is_narrower_than_the_labels_alone(self, rng):
        inside, width, alone = 0, [], []
        for _ in range(200):
            human = np.clip(0.7 + 0.15 * rng.normal(size=560), 0, 1)
            judge = np.clip(human + 0.1 + 0.08 * rng.normal(size=560), 0, 1)
            labels = Labelled(human[:60], judge[:60], np.ones(60))
            found = correct(judge[60:].mean(), judge[60:].var() / 500, labels, is_rate=False)
            inside += found.low <= 0.6985 <= found.high
            width.append(found.high - found.low)
            alone.append(2 * 2.0 * human[:60].std(ddof=1) / np.sqrt(60))
        assert 182 <= inside <= 199
        assert np.mean(width) < 0.8 * np.mean(alone)

    def test_ppi_is_the_published_formula(self, rng):
        # Angelopoulos, Duchi & Zrnic 2023: theta = mean(Y) + lambda (mean(f, unlabelled) - mean(f, labelled)).
        human, judge = rng.random(50), rng.random(50)
        variance, mean = 0.0004, 0.52
        cov = np.cov(human, judge)
        power = np.clip(cov[0, 1] / 50 / (cov[1, 1] / 50 + variance), 0, 1)
        found = ppi_plus_plus(mean, variance, Labelled(human, judge, np.ones(50)))
        assert found.value == pytest.approx(human.mean() + power * (mean - judge.mean()))

    def test_a_biased_draw_is_weighted_back(self, rng):
        """People labelled mostly bad rows; weights say so, and the correction is right all the same."""
        found = []
        for _ in range(150):
            bad = rng.random(4000) < 0.1
            judge = np.where(bad, rng.random(4000) < 0.7, rng.random(4000) < 0.05)
            chance = np.where(judge, 0.3, 0.03)
            drawn = rng.random(4000) < chance
            labels = Labelled(bad[drawn].astype(float), judge[drawn].astype(float), 1 / chance[drawn])
            found.append(correct(judge.mean(), judge.var() / 4000, labels, is_rate=True))
        assert np.mean([f.value for f in found if f.value is not None]) == pytest.approx(0.1, abs=0.012)

    @pytest.mark.parametrize(
        ("labels", "correction"),
        [(Labelled.of([]), "uncorrected (0 labels)"), (Labelled.of([(1, 1, 1)] * 19), "uncorrected (19 labels)"),
         (Labelled.of([(0, 0, 1)] * 30), "uncorrected (30 labels, fewer than 5 of a kind)"),
         (Labelled.of([(n % 2, n % 4 > 1, 1) for n in range(40)]), TOO_LITTLE)],
    )  # fmt: skip
    def test_too_little_to_go_by_is_said(self, labels, correction):
        found = correct(0.1, 0.001, labels, is_rate=True)
        assert (found.value, found.correction) == (None, correction)

    @given(
        st.floats(0, 1), st.floats(0, 0.05),
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.floats(0.1, 50)), min_size=20, max_size=60),
    )  # fmt: skip
    def test_any_correction_is_in_its_interval_and_in_range(self, value, variance, rows):
        for is_rate in (True, False):
            found = correct(value, variance, Labelled.of(rows), is_rate=is_rate)
            if found.value is not None:
                assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.fixture
def rng():
    return np.random.default_rng(11)
