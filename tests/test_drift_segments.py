"""Which segments a change is told of: one finding for what began together, small segments together, mix apart."""

import numpy as np
import pytest
from drift_panels import ALL, TICKET, book, day_of, news, panel_of, run, scores

RULES = book()


def rng(seed):
    return np.random.default_rng(seed)


def segments(r, shares, days, change_from=None, worse="s0", factor=0.87):
    """Streams by segment and the whole as their weighted mean."""
    made = {}
    for name, n in shares.items():
        mean_after = 0.8 * factor if name == worse else 0.8
        days_after = days - change_from if change_from else 0
        made["model", name] = scores(r, days - days_after, n=n) + scores(r, days_after, mean_after, n)
    total = sum(shares.values())
    whole = []
    for at in range(days):
        value = sum(made["model", name][at][1] * n for name, n in shares.items()) / total
        whole.append((total, value, 0.25 / np.sqrt(total)))
    return {ALL: whole, **made}


def test_a_change_that_shows_in_several_segments_is_one_finding_that_names_where_it_is():
    streams = segments(rng(13), {"s0": 300, "s1": 500, "s2": 500}, 86, change_from=80)
    streams["app", "web"] = [(n // 2, v, se * 1.41) for n, v, se in streams[ALL]]  # half of all, in another cut
    found = run(panel_of(streams, book(TICKET)), book(TICKET))
    assert [(day, segment) for day, _, segment in news(found)] == [(80, "all")]
    last = {f.stream[1:3]: f for f in found if day_of(f) == 85}
    assert last["model", "s0"].status == "firing"
    assert (last["model", "s0"].part_of_name, last["model", "s0"].part_of_value) == ALL
    assert last["model", "s1"].status != "firing"
    (lead,) = [f for f in found if f.is_news]
    top = lead.explained_by[0]
    assert (top["segment_name"], top["segment_value"]) == ("model", "s0")
    assert top["share_of_change"] == pytest.approx(1.0, abs=0.35)
    assert top["share_of_traffic"] == pytest.approx(300 / 1300, abs=0.01)


def test_a_second_change_elsewhere_is_a_finding_of_its_own():
    """One model got worse on day 80, everything on day 86: nobody may take the one for the other."""
    r = rng(24)
    worse = scores(r, 80, n=200) + scores(r, 6, 0.5, 200) + scores(r, 2, 0.3, 200)
    others = scores(r, 86, n=800) + scores(r, 2, 0.5, 800)
    whole = [(1000, (w[1] * 200 + o[1] * 800) / 1000, 0.25 / 31.6) for w, o in zip(worse, others, strict=True)]
    streams = {ALL: whole, ("model", "a"): worse, ("model", "b"): others}
    found = run(panel_of(streams, RULES), RULES)
    heard = news(found)
    assert {day for day, _, segment in heard if segment == "a"} >= {80}
    assert (86, "page", "all") in heard
    (b,) = [f for f in found if f.stream.segment_value == "b" and day_of(f) == 86]
    assert (b.status, b.part_of_name) == ("firing", "all")


def test_two_values_of_one_segment_are_two_findings():
    r = rng(14)
    streams = {
        ("model", "a"): scores(r, 80, n=200) + scores(r, 3, 0.5, 200),
        ("model", "b"): scores(r, 80, n=200) + scores(r, 3, 0.5, 200),
        ("model", "c"): scores(r, 83, n=200),
    }
    assert sorted(segment for _, _, segment in news(run(panel_of(streams, RULES), RULES))) == ["a", "b"]


def test_small_segments_are_watched_together_as_other_and_say_so():
    r = rng(15)
    tiny = {("model", f"t{k}"): scores(r, 80, n=4) + scores(r, 8, 0.3, 4) for k in range(6)}
    streams = {ALL: scores(r, 88, n=2000), ("model", "big"): scores(r, 88, n=1900), **tiny}
    found = run(panel_of(streams, RULES), RULES)
    assert [segment for _, _, segment in news(found)] == ["other"]
    reasons = {f.reason for f in found if f.stream.segment_value == "t0"}
    assert reasons == {"4 rows a day: watched as part of model = other"}


def test_a_segment_that_is_the_whole_traffic_is_not_watched_twice():
    r = rng(16)
    days = scores(r, 60)
    as_large = scores(r, 60)
    found = run(panel_of({ALL: days, ("model", "only"): days, ("app", "as-large"): as_large}, RULES), RULES)
    assert {f.stream.segment_name for f in found} == {"all", "app"}


def test_traffic_that_moves_between_query_types_is_mix_and_no_alarm():
    r = rng(17)

    def cell(mean, before, after):
        return scores(r, 80, mean, before) + scores(r, 20, mean, after)

    cells = {ALL: {"easy": cell(0.9, 400, 100), "hard": cell(0.6, 100, 400)}}
    quiet = book(per_quarter=0.05)
    found = run(panel_of({}, quiet, cells=cells), quiet)
    assert news(found) == []
    assert abs(found[-1].change) < 0.05


def test_a_drop_beside_moved_traffic_is_split_into_mix_and_within():
    r = rng(18)

    def cell(mean, before, after, factor):
        return scores(r, 80, mean, before) + scores(r, 5, mean * factor, after)

    cells = {ALL: {"easy": cell(0.9, 400, 200, 0.8), "hard": cell(0.6, 100, 300, 0.8)}}
    (first, *_) = [f for f in run(panel_of({}, RULES, cells=cells), RULES) if f.is_news]
    assert first.change == pytest.approx(-0.2, abs=0.04)
    plain = (200 * 0.72 + 300 * 0.48) / 500 / 0.84 - 1
    assert first.mix_effect + first.within_effect == pytest.approx(plain, abs=0.03)
    # Kitagawa: shares fall by .4 at mid levels .81 and .54; levels fall by a fifth at mid shares .6 and .4.
    assert first.mix_effect == pytest.approx(-0.4 * (0.81 - 0.54) / 0.84, abs=0.02)
    assert first.within_effect == pytest.approx(-(0.18 * 0.6 + 0.12 * 0.4) / 0.84, abs=0.02)
