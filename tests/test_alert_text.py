"""What alerts say, within the channels' limits, whatever the segments are called."""

import pytest
from findings import DAY, LINKS, fact, incident

from anchorwatch.alerting import pagerduty, slack_text
from anchorwatch.alerting.facts import Member
from anchorwatch.alerting.incidents import Change
from anchorwatch.alerting.links import Links
from anchorwatch.settings import Settings

HOSTILE = "<!channel> `*_~ <script>alert(1)</script> & \r\n\u202e" + "x&" * 2500


def slack_message(*facts, kind="opened", links=LINKS, **values):
    return slack_text.message([Change(kind, incident(**values), list(facts))], links)


def test_slack_text_cannot_mention_everybody_or_break_out():
    message = slack_message(*[fact(segment_name="model", segment_value=HOSTILE)] * 3)
    text = message["blocks"][1]["text"]["text"]
    assert "<!channel>" not in text
    assert "<script>" not in text
    assert len(text) <= 3000
    assert text.count("`") % 2 == 0
    cut = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in cut, "an escape was cut in half"


def test_messages_stay_within_the_channels_limits():
    facts = [fact(rule_id=f"rule-{n}", segment_value=HOSTILE, examples=[HOSTILE] * 10) for n in range(200)]
    message = slack_text.message([Change("opened", incident(), [one]) for one in facts], LINKS)
    assert len(message["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in message["blocks"] if "text" in block)
    assert len(message["blocks"][0]["text"]["text"]) <= 150
    event = pagerduty.trigger(incident(dedup_key="k" * 400), facts, LINKS)
    assert len(event["payload"]["summary"]) <= 1024
    assert len(event["dedup_key"]) <= 255
    assert len(str(event)) < 512_000
    assert not set("\n\r\u202e") & set(event["payload"]["summary"])


def test_an_alert_says_what_moved_by_how_much_where_and_since_when():
    text = fact(segment_name="model", segment_value="m-1").headline()
    for part in ("quality", "-25%", "-30% to -20%", "model = m-1", "0.6", "0.8", "n = 500", "2026-03-10"):
        assert part in text


def test_an_alert_says_where_the_change_is_and_what_it_is_made_of():
    part = {"segment_name": "model", "segment_value": "m-2", "share_of_change": 0.98, "share_of_traffic": 0.4}
    told = fact(explained_by=[part], mix_effect=-0.05, within_effect=-0.2, n_parts=7,
                reason="much worse since about 2026-03-09")  # fmt: skip
    message, event = str(slack_message(told)), str(pagerduty.trigger(incident(), [told], LINKS))
    for text in (
        "model = m-2 holds 98% of it with 40% of the traffic",
        "-20% by other answers, -5% by traffic that moved",
        "it shows in 7 more segments",
        "much worse since about 2026-03-09",
        "model_version m-2 first seen 2026-03-10",
        "runs/manual__2026-03-11T03%3A00%3A00%2B00%3A00",
        "docs/runbooks/quality-page.md",
    ):
        assert text in message, text
        assert text in event, text


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (3_200.0, "enough (what the budget asks; 1 x needed)"),
        (31_999.0, "enough (what the budget asks; 10 x needed)"),
        (32_000.0, "strong (well beyond what the budget asks; 10 x needed)"),
        (4.9e11, "very strong (far beyond what the budget asks; 1.5e+08 x needed)"),
        (1_600.0, "weak (less than the budget asks; 0.5 x needed)"),
    ],
)
def test_an_alert_says_how_sure_it_is_in_words_with_the_number_beside_them(evidence, words):
    told = fact(evidence=evidence, evidence_needed=3_200.0)
    assert f"evidence: {words}" in str(slack_message(told))
    assert f"evidence: {words}" in str(pagerduty.trigger(incident(), [told], LINKS))
    assert "evidence" not in str(pagerduty.trigger(incident(), [fact()], LINKS)["payload"])


def test_the_parts_of_a_percentiles_change_are_named():
    told = fact(metric="latency_p95", mix_effect=0.2, within_effect=0.1)
    assert "+10% within query types, +20% by traffic that moved" in str(slack_message(told))


@pytest.mark.parametrize(
    ("kind", "word"),
    [("opened", "NEW"), ("updated", "UPDATE"), ("resolved", "RECOVERED"), ("reopened", "FIRING AGAIN")],
)
def test_severity_and_what_happened_are_words_not_colours(kind, word):
    message = slack_message(*([] if kind == "resolved" else [fact()]), kind=kind)
    assert f"*PAGE · {word}*" in message["blocks"][1]["text"]["text"]
    assert "attachments" not in message


def test_links_to_dashboard_and_runbook_are_filled_in_and_quoted():
    alerts = {
        "dashboard_url": "https://bi.example/x?m=$metric&v=$segment_value&d=$run_date",
        "runbook_base_url": "https://wiki.example/runbooks/",
    }
    settings = Settings.model_validate({"logging_policy": "complete", "alerts": alerts})
    links = Links(settings, "nightly_evaluation", DAY.isoformat())
    told = fact(segment_name="model", segment_value="a&b=<c>")
    event = pagerduty.trigger(incident(), [told], links)
    assert event["links"][1]["href"] == "https://bi.example/x?m=quality&v=a%26b%3D%3Cc%3E&d=2026-03-10"
    text = slack_message(told, links=links)["blocks"][1]["text"]["text"]
    assert "<https://wiki.example/runbooks/quality-page.md|runbook>" in text


def test_a_member_is_known_by_its_stream_whatever_rule_holds():
    assert fact().member == fact(rule_id="quality-ticket", severity="slack").member
    assert fact().member == Member("drift", "evidence", "quality", "all", "all")
