"""How an alarm ends, what it does not hide while it is open, and that lasting changes keep it open."""

from datetime import timedelta

import numpy as np
import pytest
from drift_panels import ALL, START, TICKET, book, day_of, news, panel_of, rates, rule, run, scores, states
from scipy import stats

from anchorwatch.drift.noise import Noise
from anchorwatch.drift.recovery import FORGET, recover
from anchorwatch.drift.state import fresh_state

RULES = book(TICKET)


def rng(seed):
    return np.random.default_rng(seed)


def lasting_and_false(r, streams, days_after, n, drop):
    """Segments that drop for good, and segments that had three bad days; all from day 80 on."""
    made = {}
    for k in range(streams):
        made["model", f"real{k}"] = scores(r, 80, n=n) + scores(r, days_after, 0.8 * (1 - drop), n)
        made["app", f"false{k}"] = (
            scores(r, 80, n=n) + scores(r, 3, 0.8 * (1 - 2 * drop), n) + scores(r, days_after - 3, n=n)
        )
    return made


def test_three_bad_days_are_over_within_three_weeks_and_a_lasting_drop_is_not():
    """16 segments of each kind, 60 rows a day; a bad day is 3 standard errors off, the lasting drop 2.5 a day."""
    found = run(panel_of(lasting_and_false(rng(1), 16, 90, 60, 0.1), RULES), RULES, first=75)
    open_on = {(f.stream.segment_value, day_of(f)) for f in found if f.status == "firing"}
    alarmed = {name for name, day in open_on if 80 <= day <= 86}
    false, real = ({name for name in alarmed if name.startswith(kind)} for kind in ("false", "real"))
    assert min(len(false), len(real)) >= 14
    assert sum((name, 80 + 26) in open_on for name in false) <= 1
    assert sum((name, 80 + 60) in open_on for name in false) == 0
    assert sum((name, 80 + 89) not in open_on for name in real) <= 1


@pytest.mark.parametrize(("before", "after", "n"), [(0.01, 0.06, 30), (0.3, 0.2, 200)])
def test_a_lasting_change_of_a_rate_does_not_recover_on_days_without_an_event(before, after, n):
    r, count = rng(2), 20
    made = {("model", f"m{k}"): rates(r, 80, before, n) + rates(r, 70, after, n) for k in range(count)}
    rules = book(rule(id="r", metric="error_rate", direction="rise" if after > before else "fall"))
    found = run(panel_of(made, rules, "error_rate"), rules, first=75)
    alarmed = {f.stream.segment_value for f in found if f.status == "firing" and day_of(f) <= 95}
    closed = {f.stream.segment_value for f in found if f.status == "recovered"}
    assert len(alarmed) >= 15
    assert len(alarmed & closed) <= 1


def test_a_further_drop_on_top_of_an_open_alarm_is_told_once_and_says_so():
    r = rng(3)
    days = scores(r, 80) + scores(r, 25, mean=0.70) + scores(r, 25, mean=0.65)
    found = run(panel_of({ALL: days}, RULES), RULES)
    (opened, *_), (worse, *_) = news(found)
    assert (opened, len(news(found))) == (80, 2)
    assert 105 <= worse <= 109
    (told,) = [f for f in found if f.is_news and day_of(f) == worse]
    assert told.reason == f"worse since about {told.worse_since}"
    assert abs((told.worse_since - START).days - 105) <= 2
    assert states(found)[80:] == ["firing"] * 50


def test_an_open_false_alarm_does_not_hide_a_real_drop():
    """Three bad days, eight good ones that are too few to close the alarm, then a drop."""
    r = rng(4)
    days = scores(r, 80, n=60) + scores(r, 3, 0.66, 60) + scores(r, 8, n=60) + scores(r, 6, 0.62, 60)
    found = run(panel_of({ALL: days}, RULES), RULES, first=75)
    assert states(found)[15] == "firing"
    first, second = (day for day, *_ in news(found))
    assert first <= 82
    assert 91 <= second <= 95


def test_after_a_recovery_a_new_drop_is_found_as_fast_as_the_first():
    r = rng(5)
    days = scores(r, 80) + scores(r, 10, mean=0.7) + scores(r, 20) + scores(r, 5, mean=0.7)
    found = run(panel_of({ALL: days}, RULES), RULES)
    assert [day for day, *_ in news(found)] == [80, 110]
    assert "recovered" in states(found)[90:100]


def test_an_alarm_on_the_edge_does_not_alert_again_and_again():
    """Simulated: a drop half as large as the rule asks for, for half a year."""
    r = rng(6)
    found = run(panel_of({ALL: scores(r, 80, n=2000) + scores(r, 180, mean=0.788, n=2000)}, RULES), RULES, first=70)
    assert len(news(found)) <= 2


def test_the_weights_of_the_levels_are_bayes_theorem():
    """Against scipy's normal densities, day by day."""
    from drift_panels import panel_of as make

    panel = make({ALL: scores(rng(7), 20)}, RULES)
    state, at = fresh_state(panel), next(i for i, s in enumerate(panel.streams) if s.is_whole)
    one = np.ones(len(panel.streams))
    noise = Noise(np.zeros((len(one), 7)), 0 * one, 0 * one, 0 * one, 0 * one, 0 * one, 0 * one, 1e6 * one)
    state.firing[at], state.since[at], state.first_day[at], state.told[at] = True, 0, 0, -0.08
    levels, error, weight, total = np.linspace(-0.02, -0.1, 6), 0.03, np.full(6, 1 / 6), 0.0
    days = [-0.05, -0.01, 0.02, -0.03]
    for today, x in enumerate(days, start=1):
        change = np.full((len(one), today + 1), np.nan)
        change[at, 1:] = days[:today]
        recover(state, change, np.full_like(change, error**2), noise, 0.8 * one, one < 0, 0.02 * one, -one, 0, today)
        likely = stats.norm.pdf(x, levels, error)
        gained = stats.norm.logpdf(x, 0, error) - np.log(weight @ likely)
        total = max(total + min(gained, np.log(365) / 3), 0)
        weight = (1 - FORGET) * weight * likely / (weight @ likely) + FORGET / 6
        assert np.exp(state.log_level[at]) == pytest.approx(weight, rel=1e-6)
        assert state.recovery[at] == pytest.approx(total, abs=1e-8)


def test_the_end_of_an_alarm_is_dated_and_its_days_stay_out_of_the_baseline():
    r = rng(8)
    found = run(panel_of({ALL: scores(r, 80) + scores(r, 12, mean=0.6) + scores(r, 40)}, RULES), RULES)
    (back,) = [f for f in found if f.status == "recovered"]
    assert timedelta(days=92) < back.run_date - START <= timedelta(days=102)
    assert back.reason == "back at its baseline"
    assert found[-1].baseline_value == pytest.approx(0.8, abs=0.01)
