"""Corrected values: their formulas against published examples, enumeration and resampling, and what they promise."""

from datetime import date
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchorwatch.metrics.correction import at_mix, correct
from anchorwatch.metrics.difference import difference
from anchorwatch.metrics.intervals import Part, effective_n, jeffreys, kish, mover, weighted_mean, wilson
from anchorwatch.metrics.judge_shift import change_day, p_value
from anchorwatch.metrics.labelled import Judged, Labelled
from anchorwatch.metrics.rogan_gladen import rogan_gladen, true_rate

DAY = date(2026, 3, 10).toordinal()


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def judged(values):
    values = np.asarray(values, float)
    return Judged(float(values.mean()), float(values.var(ddof=1)) / len(values), len(values), float(len(values)))


def labelled(human, judge, weight=None, day=None):
    human, judge = np.asarray(human, float), np.asarray(judge, float)
    weight = np.ones(len(human)) if weight is None else weight
    return Labelled(human, judge, weight, np.full(len(human), DAY) if day is None else day)


class TestIntervals:
    def test_mover_is_newcombes_interval_of_a_difference_of_rates(self):
        # Newcombe 1998 (Statist. Med. 17, 873), method 10, first example: 56/70 - 48/80, .0524 to .3339.
        one, two = (Part(x / n, *wilson(x / n, n, 1.959964)) for x, n in ((56, 70), (48, 80)))
        assert mover([one, two.times(-1)]) == pytest.approx((0.0524, 0.3339), abs=5e-5)

    def test_mover_of_symmetric_parts_is_the_root_of_the_sum_of_squares(self):
        parts = [Part(0.3, 0.2, 0.4), Part(0.1, 0.08, 0.12)]
        assert mover(parts)[0] == pytest.approx(0.4 - np.hypot(0.1, 0.02))
        # Estimates that move together as one: the reaches add up.
        assert mover(parts, np.ones((2, 2)))[1] == pytest.approx(0.4 + 0.12)

    def test_wilson_and_jeffreys_are_scipys(self):
        from scipy.stats import beta, binomtest

        theirs = binomtest(7, 25).proportion_ci(method="wilson")
        assert wilson(7 / 25, 25, 1.959964) == pytest.approx((theirs.low, theirs.high), abs=1e-6)
        assert jeffreys(7 / 25, 25) == pytest.approx(tuple(beta.ppf([0.025, 0.975], 7.5, 18.5)))
        assert (jeffreys(0.0, 9)[0], jeffreys(1.0, 9)[1]) == (0.0, 1.0)

    def test_the_variance_of_a_weighted_mean_is_that_of_resampling(self, rng):
        values, weights = rng.beta(2, 1, 300), rng.choice([1.0, 10.0], 300)
        mean, variance = weighted_mean(values, weights)
        picks = rng.integers(0, 300, (3000, 300))
        again = (values[picks] * weights[picks]).sum(1) / weights[picks].sum(1)
        assert mean == pytest.approx(np.average(values, weights=weights))
        assert np.sqrt(variance) == pytest.approx(again.std(), rel=0.06)
        assert (kish(np.ones(7)), kish(np.array([]))) == (7.0, 0.0)


class TestDifference:
    def test_is_the_night_plus_the_judges_bias_and_its_error_that_of_resampling(self, rng):
        human = rng.choice([0.25, 0.5, 0.75], 200)
        judge = human + rng.choice([0.0, 0.25], 200)
        weight, night = rng.choice([1.0, 4.0], 200), rng.choice([0.5, 0.75, 1.0], 400)
        found = difference(judged(night), labelled(human, judge, weight))
        bias = np.average(human - judge, weights=weight)
        assert found.value == pytest.approx(night.mean() + bias)
        assert found.correction == "difference (200 labels)"
        picks = rng.integers(0, 200, (4000, 200))
        w = weight[picks]
        biases = ((human - judge)[picks] * w).sum(1) / w.sum(1)
        error = np.hypot(biases.std(), night.std() / 20)
        assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.06)

    def test_labels_of_the_night_itself_count_once(self, rng):
        """If every judged row is labelled, people's mean is what is left, and so is its error."""
        human = rng.beta(6, 3, 80)
        judge = np.clip(human + 0.1 + rng.normal(0, 0.15, 80), 0, 1)
        rows = labelled(human, judge)
        night = judged(judge)
        with_share = Labelled(rows.human, rows.judge, rows.weight, rows.day, np.full(80, 1 / 80))
        found, apart = difference(night, with_share), difference(night, rows)
        assert found.value == pytest.approx(human.mean())
        error = 1.99 * human.std(ddof=1) / np.sqrt(80)
        assert (found.high - found.low) / 2 == pytest.approx(error, rel=0.12)
        assert apart.high - apart.low > 1.1 * (found.high - found.low)

    def test_an_error_that_grows_with_bad_rows_widens_the_interval_to_rogan_and_gladens_value(self, rng):
        """For 0 and 1, the value by the judge's slope is that by sensitivity and specificity."""
        bad = rng.random(500) < 0.15
        judge = np.where(bad, rng.random(500) < 0.3, True).astype(float)
        rows = labelled(~bad, judge)
        night = judged((rng.random(900) < 0.8).astype(float))
        found = difference(night, rows)
        by_rates = 1 - rogan_gladen(Judged(1 - night.value, night.variance, night.n, night.rows),
                                    labelled(bad, 1 - judge)).value  # fmt: skip
        assert found.status == "widened"
        assert found.low < by_rates < found.value - 0.02
        assert "the judge's error depends on the level" in found.correction


class TestRoganGladen:
    def test_is_the_papers_formula(self):
        # By hand: (.2 + .9 - 1) / (.8 + .9 - 1) = 1 / 7.
        human = [1.0] * 10 + [0.0] * 10
        judge = [1.0] * 8 + [0.0] * 2 + [1.0] + [0.0] * 9
        found = rogan_gladen(Judged(0.2, 0.001, 160, 160.0), labelled(human, judge))
        assert found.value == pytest.approx(1 / 7)

    @pytest.mark.parametrize(("rate", "sensitivity", "specificity"), [(0.3, 0.85, 0.9), (0.5, 0.7, 0.8)])
    def test_covers_by_enumeration(self, rate, sensitivity, specificity):
        """Every outcome of 24 judged rows, 12 bad and 18 good labels, with its probability: 95 % or a little more."""
        from scipy.stats import binom

        n, bad, good = 24, 12, 18
        apparent = rate * sensitivity + (1 - rate) * (1 - specificity)
        of_night, of_bad, of_good = (
            binom.pmf(range(of + 1), of, p) for of, p in ((n, apparent), (bad, sensitivity), (good, 1 - specificity))
        )
        inside = 0.0
        for q, s, f in product(range(n + 1), range(bad + 1), range(good + 1)):
            chance = of_night[q] * of_bad[s] * of_good[f]
            if chance < 1e-6:
                continue
            low, high = true_rate((q / n, n), (s / bad, bad), (f / good, good))
            inside += chance * (low <= rate <= high)
        assert 0.935 < inside < 0.985

    def test_limits_are_where_the_sum_holds_nothing(self):
        (low, high), sides = true_rate((0.3, 80), (0.8, 30), (0.1, 60)), []
        for p in (low, high):
            terms = [Part(0.3, *jeffreys(0.3, 80)), Part(0.8, *jeffreys(0.8, 30)).times(-p)]
            sides.append(mover([*terms, Part(0.1, *jeffreys(0.1, 60)).times(p - 1)]))
        assert sides[0][0] == pytest.approx(0.0, abs=1e-4)
        assert sides[1][1] == pytest.approx(0.0, abs=1e-4)

    def test_a_night_of_unequal_weights_is_worth_fewer_rows(self):
        rows = labelled([1.0] * 30 + [0.0] * 70, [1.0] * 27 + [0.0] * 3 + [1.0] * 4 + [0.0] * 66)
        even = rogan_gladen(Judged(0.25, 0.25 * 0.75 / 100, 100, 100.0), rows)
        uneven = rogan_gladen(Judged(0.25, 0.25 * 0.75 / 30, 100, 30.0), rows)
        assert uneven.high - uneven.low > 1.3 * (even.high - even.low)
        assert effective_n(0.0, 0.0, 12) == 12


class TestJudgeChange:
    @pytest.mark.parametrize(("statistic", "kinds", "level"), [(8.85, 1, 0.05), (12.35, 1, 0.01), (11.79, 2, 0.05)])
    def test_the_tail_is_that_of_andrews_table(self, statistic, kinds, level):
        # Andrews 1993, Econometrica 61, table 1, 15 % off at either end.
        assert p_value(statistic, kinds, 10**6, 0.15) == pytest.approx(level, rel=0.12)

    def labels(self, rng, n, lenient, from_day):
        human = rng.binomial(3, 0.8, n) / 4
        return human, human + 0.25 * (rng.random(n) < lenient), from_day + rng.integers(0, 30, n)

    def joined(self, *parts):
        human, judge, day = (np.concatenate(column) for column in zip(*parts, strict=True))
        return labelled(human, judge, day=day)

    def test_a_change_is_dated_and_labels_from_before_it_are_left_out(self, rng):
        rows = self.joined(self.labels(rng, 80, 0.1, DAY - 30), self.labels(rng, 60, 0.8, DAY))
        assert abs(change_day(rows, is_rate=False) - DAY) <= 3
        human, judge, _ = self.labels(rng, 600, 0.8, DAY)
        found = correct(judged(judge), rows, is_rate=False)
        assert found.status == "recent_labels"
        assert 50 < found.n_labels < 70
        assert "when the judge's error changed among the labels" in found.correction
        assert found.low < human.mean() < found.high

    def test_too_few_labels_since_withhold(self, rng):
        rows = self.joined(self.labels(rng, 80, 0.05, DAY - 30), self.labels(rng, 15, 1.0, DAY))
        found = correct(judged(rng.random(300)), rows, is_rate=False)
        assert (found.value, found.status) == (None, "withheld")
        assert "not enough labels since" in found.correction

    def test_a_rate_that_doubles_is_no_change_of_the_judge(self, rng):
        wrong = 0
        for _ in range(60):
            bad = np.concatenate([rng.random(150) < 0.15, rng.random(150) < 0.4])
            judge = np.where(bad, rng.random(300) < 0.7, rng.random(300) < 0.1).astype(float)
            day = np.repeat([DAY - 20, DAY - 10, DAY, DAY + 10], 75)
            wrong += change_day(labelled(bad, judge, day=day), is_rate=True) is not None
        assert wrong <= 3

    def test_rare_heavy_errors_are_no_change(self, rng):
        wrong = 0
        for _ in range(60):
            human = np.ones(200)
            heavy = rng.random(200) < 0.03
            weight = np.where(heavy, 10.0, rng.choice([0.5, 1.0], 200))
            rows = labelled(human, np.where(heavy, 0.5, 1.0), weight, DAY + rng.integers(0, 40, 200))
            wrong += change_day(rows, is_rate=False) is not None
        assert wrong <= 3

    def test_anchors_leave_older_labels_out(self, rng):
        rows = self.joined(self.labels(rng, 60, 0.3, DAY - 30), self.labels(rng, 40, 0.3, DAY))
        night, since = judged(rng.random(100)), date.fromordinal(DAY)
        found = correct(night, rows, is_rate=False, judge_since=since)
        why = "since 2026-03-10, when the judge's anchors changed"
        assert (found.n_labels, found.status) == (40, "recent_labels")
        assert found.correction.endswith(why)
        later = correct(night, rows, is_rate=False, judge_since=date.fromordinal(DAY + 40))
        assert (later.value, later.status, later.n_labels) == (None, "withheld", 100)


class TestMix:
    def test_labels_stand_for_the_nights_kinds_of_rows(self, rng):
        """The judge is 0.25 too high for one kind of rows, which goes from 20 to 60 % of the traffic."""
        kinds = ["search" if kind else "chat" for kind in rng.random(400) < 0.2]
        is_search = np.array([kind == "search" for kind in kinds])
        human = rng.choice([0.25, 0.5, 0.75], 400)
        rows = labelled(human, human + 0.25 * is_search)
        mixed = at_mix(rows, kinds, {"search": 600.0, "chat": 400.0})
        share = mixed.weight / mixed.weight.sum()
        assert float(share @ (mixed.judge - mixed.human)) == pytest.approx(0.6 * 0.25)

    def test_kinds_with_few_labels_count_as_one(self):
        human = np.tile([0.5, 0.75], 50)
        kinds = ["a"] * 60 + ["b"] * 30 + ["c"] * 6 + ["d"] * 4
        mixed = at_mix(labelled(human, human), kinds, {"a": 50.0, "b": 30.0, "c": 5.0, "e": 15.0})
        # c, d and the unlabelled e are fewer than 20: they are part of a.
        assert mixed.weight[60:90].sum() / mixed.weight.sum() == pytest.approx(0.3)
        few = at_mix(labelled(human[:30], human[:30]), ["a", "b"] * 15, {"a": 1.0, "b": 9.0})
        assert few.weight == pytest.approx(np.ones(30))


class TestPromise:
    """After a drop, on a fixed set of simulated nights, the interval holds what people would say."""

    def score(self, rng, n, good):
        human = rng.binomial(3, good / 0.75, n) / 4
        return human, human + 0.25 * (rng.random(n) < 0.5)

    def rate(self, rng, n, good):
        bad = rng.random(n) >= good
        return bad.astype(float), np.where(bad, rng.random(n) < 0.8, rng.random(n) < 0.05).astype(float)

    @pytest.mark.parametrize("is_rate", [False, True])
    @pytest.mark.parametrize("drop", [0.05, 0.2, 0.3])
    def test_labels_from_before_a_drop_do_not_hide_it(self, rng, drop, is_rate):
        world, good, nights = self.rate if is_rate else self.score, 0.7, 120
        after, inside, errors = good * (1 - drop), 0, []
        truth = 1 - after if is_rate else after
        for _ in range(nights):
            people = labelled(*world(rng, 123, good))
            found = correct(judged(world(rng, 200, after)[1]), people, is_rate=is_rate)
            inside += found.low <= truth <= found.high
            errors.append(found.value - truth)
        assert inside >= 0.9 * nights
        assert abs(np.mean(errors)) < 0.015

    def test_the_same_from_a_biased_draw(self, rng):
        nights, inside = 100, 0
        for _ in range(nights):
            human, judge = self.rate(rng, 4000, 0.9)
            chance = np.where(judge > 0, 0.3, 0.03)
            drawn = rng.random(4000) < chance
            night = judged(self.rate(rng, 300, 0.75)[1])
            found = correct(night, labelled(human[drawn], judge[drawn], 1 / chance[drawn]), is_rate=True)
            inside += found.low <= 0.25 <= found.high
        assert inside >= 0.9 * nights

    def test_rare_errors_are_not_taken_for_none(self, rng):
        """20 labels and 3 % errors: most sets of labels show none, and the interval has a width all the same."""
        inside, widths = 0, []
        for _ in range(100):
            human = rng.binomial(3, 0.8, 20) / 4
            people = labelled(human, human + 0.25 * (rng.random(20) < 0.03))
            night = rng.binomial(3, 0.6, 2000) / 4
            found = correct(judged(night + 0.25 * (rng.random(2000) < 0.03)), people, is_rate=False)
            inside += found.low <= 0.45 <= found.high
            widths.append(found.high - found.low)
        assert inside >= 93
        assert min(widths) > 0.03


TOO_LITTLE = "the judge tells too little (40 labels)"


@pytest.mark.parametrize(
    ("labels", "correction"),
    [(Labelled.of([]), "not enough labels (0)"), (Labelled.of([(1, 1, 1)] * 19), "not enough labels (19)"),
     (Labelled.of([(0, 0, 1)] * 30), "not enough labels (30, fewer than 5 of a kind)"),
     (Labelled.of([(n % 2, n % 4 > 1, 1) for n in range(40)]), TOO_LITTLE)],
)  # fmt: skip
def test_too_little_to_go_by_is_said(labels, correction):
    found = correct(Judged(0.1, 0.001, 90, 90.0), labels, is_rate=True)
    assert (found.value, found.correction, found.status) == (None, correction, "withheld")


def test_a_day_with_one_judged_row_is_not_corrected():
    found = correct(Judged(1.0, None, 1, 1.0), labelled([0.5] * 30, [0.75] * 30), is_rate=False)
    assert (found.value, found.correction) == (None, "not enough judged rows (1)")


@given(
    st.floats(0, 1), st.floats(0, 0.05), st.floats(1, 40),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(0.1, 50), st.integers(1, 9)),
             min_size=20, max_size=60),
    st.booleans(),
)  # fmt: skip
def test_any_correction_is_in_its_interval_and_in_range(value, variance, rows, labels, is_binary):
    of = (lambda x: float(x > 2)) if is_binary else (lambda x: x / 4)
    people = Labelled.of([(of(human), of(judge), weight, day, 0.01) for human, judge, weight, day in labels])
    for is_rate in (True, False):
        found = correct(Judged(value, variance, 40, rows), people, is_rate=is_rate)
        if found.value is not None:
            assert 0 <= found.low <= found.value <= found.high <= 1
        else:
            assert found.status == "withheld"
