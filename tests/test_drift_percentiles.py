"""Percentiles at the baseline's mix of query types, against brute force, and in the detector."""

import json
from datetime import timedelta

import numpy as np
import pytest
from drift_panels import START, book, day_of, news, rule, run
from hypothesis import given, settings
from hypothesis import strategies as st
from latency_days import draw, latency_panel, latency_rows, plain
from warehouse_rows import table_rows

from anchorwatch.drift.histograms import BUCKET
from anchorwatch.drift.mix import at_baseline_mix, baseline_mix, plain_percentiles
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.replay import fresh_memory
from anchorwatch.drift.state_record import dump_stream, load_stream
from anchorwatch.settings import Settings
from anchorwatch.steps.derive import derive
from anchorwatch.warehouse import connect, copy_rows
from anchorwatch.warehouse.initialise import initialise

RULES = book(rule(id="p95", metric="latency_p95", change=0.1))
MIX = {"fast": 600, "middle": 300, "slow": 100}
MOVED = {"fast": 300, "middle": 300, "slow": 400}
BASELINE_DAYS = 20


def at_mix(days, baseline_days=BASELINE_DAYS):
    """Each day's percentile at the mix of the first days, and its standard error on the log scale."""
    panel = latency_panel(days, RULES)
    chosen = np.zeros((1, panel.days), bool)
    first = panel.days - len(days)
    chosen[0, first : first + baseline_days] = True
    mix = baseline_mix(panel, chosen, np.array([7]), 0)
    sums = at_baseline_mix(panel, mix, panel.sums, 0)
    value = sums.mean[0, first:]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(sums.dispersion[0, first:] / sums.effective[0, first:]) / value
    return value, error


def brute(day, shares, p=0.95):
    """The weighted quantile over the rows, each weighing its type's share over the type's rows."""
    values = np.concatenate(list(day.values()))
    weight = np.concatenate([np.full(len(v), shares[t] / len(v)) for t, v in day.items()])
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) / weight.sum()
    return values[order][np.searchsorted(reached, p)]


@settings(max_examples=30)
@given(
    st.tuples(*(st.integers(40, 600) for _ in range(3))),
    st.tuples(*(st.integers(40, 600) for _ in range(3))),
    st.integers(0, 10_000),
)
def test_a_percentile_at_a_mix_is_the_weighted_quantile_over_the_rows(baseline, today, seed):
    rng = np.random.default_rng(seed)
    names = ("fast", "middle", "slow")
    mixes = [dict(zip(names, counts, strict=True)) for counts in (baseline, today)]
    days = [draw(rng, mixes[0]) for _ in range(BASELINE_DAYS)] + [draw(rng, mixes[1])]
    shares = {t: n / sum(baseline) for t, n in mixes[0].items()}
    value, _ = at_mix(days)
    for at in (0, BASELINE_DAYS):
        # A bucket is 6 % wide; the quantile may sit anywhere between two rows on its edges.
        reach = [brute(days[at], shares, p) for p in (0.9499, 0.9501)]
        assert np.log(reach[0]) - BUCKET <= np.log(value[at]) <= np.log(reach[1]) + BUCKET


def test_interpolation_leaves_less_than_a_percent():
    rng = np.random.default_rng(2)
    days = [draw(rng, {t: 20 * n for t, n in MIX.items()}) for _ in range(BASELINE_DAYS)]
    shares = {t: n / 1000 for t, n in MIX.items()}
    found = at_mix(days)[0] / [brute(day, shares) for day in days]
    assert np.abs(np.log(found)).max() < 0.01


def test_the_standard_error_is_that_of_many_days():
    """Woodruff's, by brute force: 400 days with another mix, and their percentiles' spread."""
    rng = np.random.default_rng(3)
    today = {"fast": 300, "middle": 600, "slow": 60}
    days = [draw(rng, MIX) for _ in range(BASELINE_DAYS)] + [draw(rng, today) for _ in range(400)]
    value, error = at_mix(days)
    seen = np.log(value[BASELINE_DAYS:]).std()
    # A day that is far off is trusted less, so compare with the middle of the errors: those of usual days.
    assert np.median(error[BASELINE_DAYS:]) == pytest.approx(seen, rel=0.15)
    by_rows = [brute(day, {t: n / 1000 for t, n in MIX.items()}) for day in days[BASELINE_DAYS:]]
    assert seen == pytest.approx(np.log(by_rows).std(), rel=0.1)


def test_types_that_are_gone_or_new_say_nothing_about_change():
    rng = np.random.default_rng(4)
    days = [draw(rng, MIX) for _ in range(BASELINE_DAYS)]
    gone = [draw(rng, {"fast": 6000, "middle": 3000}) for _ in range(20)]
    new = [draw(rng, MIX) | {"other": np.full(400, 60_000.0)} for _ in range(20)]
    value, _ = at_mix(days + gone + new)
    base, without, with_new = (np.log(part).mean() for part in (value[:20], value[20:40], value[40:]))
    assert without == pytest.approx(base, abs=0.05)
    assert with_new == pytest.approx(base, abs=0.05)
    assert np.isnan(at_mix([*days, {"other": np.full(500, 60_000.0)}])[0][-1])


def test_a_single_slow_request_of_a_large_share_is_left_out():
    """A tenth of the traffic with one request that day: it would be twice the tail beyond a p95 on its own."""
    rng = np.random.default_rng(5)
    days = [draw(rng, MIX) for _ in range(BASELINE_DAYS)]
    alone = [draw(rng, {"fast": 4000, "middle": 2000}) | {"slow": np.array([400_000.0])} for _ in range(20)]
    value, _ = at_mix(days + alone)
    assert np.log(value[20:]).mean() == pytest.approx(np.log(value[:20]).mean(), abs=0.15)


def test_a_shift_of_the_mix_is_no_slowdown_and_is_said():
    rng = np.random.default_rng(6)
    days = [draw(rng, MIX) for _ in range(60)] + [draw(rng, MOVED) for _ in range(30)]
    assert news(run(latency_panel(days, RULES, with_types=False), RULES))
    found = run(latency_panel(days, RULES), RULES)
    assert news(found) == []
    assert found[-1].change == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("mix", [MIX, MOVED])
def test_a_slowdown_is_found_whatever_the_mix_does_and_split(mix):
    rng = np.random.default_rng(7)
    days = [draw(rng, MIX) for _ in range(60)] + [draw(rng, mix, 1.4) for _ in range(6)]
    found = run(latency_panel(days, RULES), RULES)
    (heard, *_) = news(found)
    assert heard[0] <= 61
    last = found[-1]
    assert last.within_effect == pytest.approx(0.4, abs=0.1)
    moved = np.mean([v for _, v, _ in plain(days[60:])]) / np.mean([v for _, v, _ in plain(days[:60])]) - 1
    assert last.mix_effect + last.within_effect == pytest.approx(moved, abs=0.06)
    assert abs(last.mix_effect) < 0.05 if mix is MIX else last.mix_effect > 0.3


def test_a_day_that_cannot_be_compared_is_not_ok():
    rng = np.random.default_rng(12)
    days = [draw(rng, MIX) for _ in range(30)]
    last = run(latency_panel([*days, {"other": np.full(500, 60_000.0)}], RULES), RULES)[-1]
    assert last.status == "not_enough_data"
    assert last.reason.startswith("nothing to compare")
    assert last.change is None


def test_with_one_type_the_mix_changes_nothing():
    rng = np.random.default_rng(8)
    days = [draw(rng, {"fast": 500}) for _ in range(40)]
    panel = latency_panel(days, RULES)
    own = plain_percentiles(panel, 0, slice(panel.days - 40, None))
    assert at_mix(days)[0] == pytest.approx(own, rel=1e-9)


@settings(max_examples=3)
@given(st.integers(55, 89))
def test_a_night_resumed_from_its_stored_state_equals_one_that_goes_on(stop):
    """With an alarm open, whose baseline and mix are frozen, over a shift of the mix and a type that goes away."""
    rng = np.random.default_rng(9)
    days = [draw(rng, MIX) for _ in range(60)] + [draw(rng, MOVED, 1.5) for _ in range(15)]
    days += [draw(rng, {"fast": 900, "middle": 400}, 1.5) for _ in range(15)]
    panel = latency_panel(days, RULES)
    whole = run(panel, RULES)
    first = latency_panel(days[:stop], RULES)
    memory = fresh_memory(first)
    run(first, RULES, memory=memory)
    stored = json.loads(json.dumps(dump_stream(first, memory.state, 0, first.days - 1)))
    shorter = Panel(**{
        **{name: getattr(panel, name) for name in Panel.__slots__},
        "start": START + timedelta(days=stop - 69), "sums": panel.sums.columns(slice(stop, None)),
        "histograms": type(panel.histograms)(**{
            **{name: getattr(panel.histograms, name) for name in panel.histograms.__slots__},
            **{name: getattr(panel.histograms, name)[:, stop:] for name in ("below", "effective", "traffic")},
        }),
    })  # fmt: skip
    resumed = fresh_memory(shorter)
    load_stream(shorter, resumed.state, 0, stored)
    resumed.leads = dict(memory.leads)
    assert run(shorter, RULES, first=stop, memory=resumed) == [f for f in whole if day_of(f) >= stop]


def store(engine, days):
    cells = [
        (row.run_date.date(), "all", "all", row.cell, row.n, row.w, row.ww, row.buckets, row.weights)
        for row in latency_rows(days).itertuples()
    ]
    at = [START + timedelta(days=n) for n in range(len(days))]
    metrics = [
        (day, "latency_p95", "all", "all", "", value, n, n, error**2)
        for day, (n, value, error) in zip(at, plain(days), strict=True)
    ]
    key = ("run_date", "segment_name", "segment_value")
    with connect(engine) as connection:
        copy_rows(connection, "latency_cells",
                  (*key, "cell", "n", "sum_weights", "sum_squared_weights", "buckets", "weights"), cells)  # fmt: skip
        names = (
            "run_date",
            "metric",
            "segment_name",
            "segment_value",
            "epoch",
            "value",
            "n",
            "sum_weights",
            "variance",
        )
        copy_rows(connection, "daily_metrics", names, metrics)


def partitions(engine, first, last):
    rows = [(START + timedelta(days=n), "ok", 1, f"h{n}") for n in range(first, last)]
    with connect(engine) as connection:
        copy_rows(connection, "day_partitions", ("run_date", "status", "rows_in", "content_hash"), rows)


def test_stored_days_are_compared_at_the_baselines_mix_a_night_at_a_time_or_at_once(engine):
    initialise(engine, Settings(logging_policy="complete"))
    rng = np.random.default_rng(10)
    days = [draw(rng, MIX) for _ in range(40)] + [draw(rng, MOVED) for _ in range(10)] + [draw(rng, MOVED, 1.5)] * 5
    store(engine, days)
    partitions(engine, 0, 55)
    derive(engine, RULES)
    tables = ("drift_findings", "baselines", "detector_state")
    at_once = {table: table_rows(engine, table) for table in tables}
    with connect(engine) as connection:
        connection.exec_driver_sql(
            "TRUNCATE drift_findings, baselines, detector_state, rolling_metrics, day_partitions"
        )
    for first, last in ((0, 45), (45, 52), (52, 53), (53, 55)):
        partitions(engine, first, last)
        derive(engine, RULES)
    assert {table: table_rows(engine, table) for table in tables} == at_once
    firing = [day for day, status in _status(engine) if status == "firing"]
    assert firing == list(range(50, 55))


def _status(engine):
    from sqlalchemy import text

    with connect(engine) as connection:
        rows = connection.execute(text("SELECT run_date, status FROM drift_findings ORDER BY run_date"))
        return [((row.run_date - START).days, row.status) for row in rows]


def test_days_of_a_version_without_query_types_are_compared_as_they_are():
    """The same alarm as without them, until there are baseline days with them."""
    rng = np.random.default_rng(11)
    days = [draw(rng, MIX) for _ in range(60)] + [draw(rng, MIX, 1.5) for _ in range(3)]
    panel = latency_panel(days, RULES)
    old = panel.days - 5
    for name in ("below", "effective", "traffic"):
        getattr(panel.histograms, name)[:, :old] = 0
    found = run(panel, RULES)
    assert found == run(latency_panel(days, RULES, with_types=False), RULES)
    assert news(found)
