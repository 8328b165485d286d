"""How the budget of false alarms is shared, and rules that ask for no evidence."""

import numpy as np
import pytest
from drift_panels import ALL, PAGE, TICKET, book, day_of, news, panel_of, rates, rule, run, scores

from anchorwatch.drift.budget import OVERSHOOT, make_thresholds
from anchorwatch.settings import load_rule_file

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


class TestShippedRules:
    """The rule file that comes with the product, on streams it was not tuned on."""

    RULES = load_rule_file(None)

    def severities(self, days, metric):
        panel = panel_of({ALL: days}, self.RULES, metric)
        found = [f for f in run(panel, self.RULES) if f.is_news and f.kind == "evidence" and f.status == "firing"]
        return [(day_of(f), f.rule_id, f.severity) for f in found]

    def test_refusals_that_fall_from_776_to_609_at_45_rows_a_day_make_a_ticket_and_no_page(self):
        r = np.random.default_rng(31)
        ((day, rule_id, severity),) = self.severities(rates(r, 70, 0.776, 45) + rates(r, 32, 0.609, 45), "refusal_rate")
        assert (rule_id, severity) == ("refusal-fall", "slack")
        assert 70 <= day < 70 + 14

    def test_a_further_fall_on_top_of_a_ticket_is_said_at_once_and_becomes_a_page(self):
        r = np.random.default_rng(32)
        days = rates(r, 70, 0.30, 300) + rates(r, 10, 0.22, 300) + rates(r, 14, 0.08, 300)
        first, further, page = self.severities(days, "refusal_rate")
        assert first[1:] == further[1:] == ("refusal-fall", "slack")
        assert first[0] < 80 <= further[0] < 82
        assert page[1:] == ("refusal-rate", "page")

    @pytest.mark.parametrize("metric", ["support", "sentence_support"])
    def test_support_that_falls_from_829_to_778_makes_a_ticket(self, metric):
        r = np.random.default_rng(33)
        days = scores(r, 70, 0.829, 200, 0.2) + scores(r, 20, 0.778, 200, 0.2)
        ((day, rule_id, severity),) = self.severities(days, metric)
        assert (rule_id, severity) == (f"{metric.replace('_', '-')}-fall", "slack")
        assert 70 <= day < 80

    def test_a_ticket_beside_a_page_takes_nothing_from_the_others(self):
        """Both directions of refusals had their part of the budget before; a second severity asks for no other."""
        without = self.RULES.model_copy(update={"rules": [r for r in self.RULES.rules if r.id != "refusal-fall"]})
        panel = panel_of({ALL: [(500, 0.05, 0.01)]}, self.RULES, "refusal_rate")
        testable = np.ones(len(panel.streams), bool)
        fewer, shipped = (make_thresholds(rules, panel)(testable).log_threshold for rules in (without, self.RULES))
        falls = [stream.direction == "fall" for stream in panel.streams]
        assert np.array_equal(fewer[:, 2], shipped[:, 2])
        assert np.isinf(fewer[falls, 1]).all()
        assert shipped[falls, 1] == pytest.approx(shipped[falls, 2] - np.log(4))
