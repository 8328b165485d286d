"""How the budget of false alarms is shared, and rules that ask for no evidence."""

import numpy as np
import pytest
from drift_panels import ALL, PAGE, TICKET, book, day_of, news, panel_of, rule, run

from anchorwatch.drift.budget import OVERSHOOT, make_thresholds

RULES = book()


class TestBudget:
    def levels(self, rules, streams, metric="quality"):
        panel = panel_of(streams, rules, metric)
        testable = np.array([stream.segment_value != "other" for stream in panel.streams])
        return panel, make_thresholds(rules, panel)(testable), testable

    def test_the_parts_of_a_family_add_up_to_its_budget(self):
        """False alarms a day: the sum of 1 / threshold over streams, for the overshoot that is allowed for."""
        streams = {ALL: [(500, 0.8, 0.01)], **{("model", f"m{k}"): [(90, 0.8, 0.03)] for k in range(7)}}
        rules = book(TICKET, PAGE, rule(id="x", metric="error_rate", change=0.5, family="errors"))
        _, levels, testable = self.levels(rules, streams)
        per_day = np.exp(-levels.log_threshold[testable]).sum(axis=0) * OVERSHOOT
        families = 2
        assert per_day[1] == pytest.approx(1 / (365.25 / 4 * families))
        assert per_day[2] == pytest.approx(per_day[1] / 4)

    def test_more_segments_ask_for_more_evidence_in_each_and_not_in_all_traffic(self):
        few, many = (
            self.levels(RULES, {ALL: [(500, 0.8, 0.01)], **{("model", f"m{k}"): [(9, 0.8, 0.1)] for k in range(n)}})
            for n in (2, 20)
        )
        whole = next(i for i, stream in enumerate(few[0].streams) if stream.is_whole)
        part = next(i for i, stream in enumerate(few[0].streams) if stream.segment_value == "m0")
        assert many[1].log_threshold[whole, 1] == pytest.approx(few[1].log_threshold[whole, 1])
        assert many[1].log_threshold[part, 1] - few[1].log_threshold[part, 1] == pytest.approx(np.log(10))

    def test_a_quieter_budget_asks_for_more_everywhere(self):
        streams = {ALL: [(500, 0.8, 0.01)]}
        loud, quiet = (self.levels(book(per_quarter=n), streams)[1].log_threshold[0, 1] for n in (4.0, 0.5))
        assert quiet - loud == pytest.approx(np.log(8))

    def test_dashboards_take_nothing_from_the_others(self):
        with_dashboard = book(TICKET, rule(id="d", direction="rise", severity="dashboard"))
        streams = {ALL: [(500, 0.8, 0.01)]}
        alone, beside = self.levels(book(TICKET), streams), self.levels(with_dashboard, streams)
        at = next(i for i, stream in enumerate(beside[0].streams) if stream.direction == "fall")
        assert beside[1].log_threshold[at, 1] == pytest.approx(alone[1].log_threshold[0, 1])


class TestThresholdRules:
    PLAIN = rule(id="plain", kind="threshold", change=-0.10, window_days=1)

    def test_they_fire_on_the_change_alone_and_recover_after_quiet_days(self):
        days = [(100, 0.8, 0.02)] * 30 + [(100, 0.7, 0.02)] + [(100, 0.8, 0.02)] * 10
        rules = book(self.PLAIN)
        found = [f for f in run(panel_of({ALL: days}, rules), rules) if f.kind == "threshold"]
        assert [f.status for f in found][29:39] == ["ok", *["firing"] * 7, "recovered", "ok"]
        assert news(found) == [(30, "plain", "all")]
        assert found[30].change == pytest.approx(-0.125)
        assert found[30].evidence is None

    def test_a_week_is_compared_with_the_week_before(self):
        rules = book(rule(id="w", kind="threshold", metric="cost_per_request", change=0.1, against="week_before"))
        days = [(100, 0.01, 0.0)] * 20 + [(100, 0.02, 0.0)] * 20
        found = run(panel_of({ALL: days}, rules, "cost_per_request"), rules)
        held = [day_of(f) for f in found if f.status == "firing"]
        assert news(found) == [(20, "w", "all")]
        assert held[-1] < 39  # both weeks are dear by then

    def test_an_absolute_limit_needs_no_history_but_certainty(self):
        rules = book(rule(id="limit", kind="absolute", metric="error_rate", above=0.3))
        days = [(200, 0.31, 0.033), (200, 0.45, 0.035)]
        found = run(panel_of({ALL: days}, rules, "error_rate"), rules)
        assert [f.status for f in found] == ["ok", "firing"]
        assert news(found) == [(1, "limit", "all")]

    def test_too_few_rows_are_not_enough(self):
        found = run(panel_of({ALL: [(100, 0.8, 0.02)] * 20 + [(20, 0.1, 0.05)]}, book(self.PLAIN)), book(self.PLAIN))
        assert found[-1].status == "not_enough_data"
        assert "20 rows under test, 30 needed" in found[-1].reason
