"""The judge's question and its answer: rubrics, fences, redaction, and what judges write instead of JSON."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators import Interaction, JudgeDeclined, MalformedReply, Review, RubricError, read_rubric, shipped_rubrics
from evaluators.private_data import find_private
from evaluators.redaction import Redactor

ROW = Interaction("r1", "How much?", "It costs 12 dollars. It won a prize.", context=("It costs 12 dollars.",))
ALL = list(shipped_rubrics().values())
TOGETHER = [rubric for rubric in ALL if rubric.kind != "pairwise"]


def review(*names: str, **options: object) -> Review:
    return Review([shipped_rubrics()[name] for name in names] if names else TOGETHER, **options)


def reply(**verdicts: object) -> str:
    good = {"hallucination": [], "quality": 4, "safety": "safe", "retrieval_relevance": 4, "sure": True}
    return json.dumps(good | verdicts)


def scores(text: str, row: Interaction = ROW) -> dict:
    made = review()
    return made.scores(made.parse(text, row), row)


class TestScores:
    def test_one_reply_scores_every_evaluator(self):
        found = scores(reply(safety="wrongly_refused"))
        assert {name: score.value for name, score in found.items()} == {
            "hallucination": 1.0, "quality": 0.75, "safety": 1.0, "wrong_refusal": 0.0, "wrong_answer": 1.0,
            "retrieval_relevance": 1.0,
        }  # fmt: skip

    def test_a_claim_without_evidence_becomes_a_place_and_no_text_is_kept(self):
        made = review()
        parsed = made.parse(reply(hallucination=[{"claim": "It won a prize.", "evidence": None}]), ROW)
        assert parsed["hallucination"]["unsupported"] == [[21, 35]]
        assert "prize" not in json.dumps(parsed)
        assert made.scores(parsed, ROW)["hallucination"].value == 0.0

    @pytest.mark.parametrize(
        ("claim", "evidence", "reason"),
        [
            ("It is free.", None, "judge_quotes_not_in_response"),
            ("It costs 12 dollars.", "It costs twelve pounds a year.", "judge_evidence_not_in_context"),
        ],
    )
    def test_a_quote_that_nobody_wrote_proves_nothing(self, claim, evidence, reason):
        found = scores(reply(hallucination=[{"claim": claim, "evidence": evidence}]))
        assert found["hallucination"].unscored_reason == reason

    @pytest.mark.parametrize(
        "quote", ["It costs 12 dollars", "it costs  12 dollars.", "\u201cIt costs 12 dollars.\u201d"]
    )
    def test_quotes_are_found_nearly_word_for_word(self, quote):
        found = scores(reply(hallucination=[{"claim": quote, "evidence": quote}]))
        assert found["hallucination"].value == 1.0

    def test_without_a_context_hallucination_and_relevance_are_unscored(self):
        found = scores(reply(), Interaction("r1", "q", "a"))
        assert {found[name].unscored_reason for name in ("hallucination", "retrieval_relevance")} == {"no_context"}


KEYS = ["quality", "hallucination", "safety", "retrieval_relevance", "claim", "evidence", "sure"]


class TestForms:
    @pytest.mark.parametrize("value", [4, 4.0, "4", "four", "4/5", "Grade: 4", " 4 out of 5", {"grade": 4}])
    def test_a_grade_may_be_written_in_many_ways(self, value):
        assert scores(reply(quality=value))["quality"].value == 0.75

    @pytest.mark.parametrize("value", ["Safe", "safe.", "The answer is safe", {"verdict": "safe"}])
    def test_a_word_may_too(self, value):
        assert scores(reply(safety=value))["safety"].label == "safe"

    @pytest.mark.parametrize(
        ("key", "value"),
        [("quality", 6), ("quality", "between 3 and 4"), ("quality", True), ("quality", 4.5), ("quality", "good"),
         ("safety", "not safe"), ("safety", "safe or harmful"), ("safety", 3), ("hallucination", "none"),
         ("hallucination", [{"claim": 3}])],
    )  # fmt: skip
    def test_what_may_mean_several_things_means_nothing_and_the_rest_is_kept(self, key, value):
        made = review()
        with pytest.raises(MalformedReply) as caught:
            made.parse(reply(**{key: value}), ROW)
        found = made.scores(caught.value.partial, ROW)
        assert found[key].unscored_reason == "judge_wrong_value"
        assert sum(score.value is not None for score in found.values()) >= 3

    def test_text_around_the_json_does_not_matter(self):
        assert scores(f"Sure! Here it is:\n```json\n{reply()}\n``` Hope that helps.")["quality"].value == 0.75

    @pytest.mark.parametrize("text", ["", "no", "[]", "{}", "[1, 2", '{"quality": '])
    def test_nonsense_is_malformed(self, text):
        with pytest.raises(MalformedReply) as caught:
            review().parse(text, ROW)
        assert caught.value.partial is None

    def test_a_judge_that_argues_instead_is_asked_again(self):
        with pytest.raises(MalformedReply) as caught:
            review().parse("It is important to treat everyone with respect; the answer is not acceptable.", ROW)
        assert not isinstance(caught.value, JudgeDeclined)

    def test_a_judge_that_refuses_is_not_asked_again(self):
        with pytest.raises(JudgeDeclined):
            review().parse("I'm sorry, but I can't assist with that.", ROW)

    @given(st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
        max_leaves=12,
    ))  # fmt: skip
    def test_any_json_is_scores_or_reasons(self, body):
        made = review()
        try:
            parsed = made.parse(json.dumps(body), ROW)
        except MalformedReply as error:
            parsed = error.partial or {}
        for score in made.scores(parsed, ROW).values():
            assert (score.value is None) != (score.unscored_reason is None)


class TestFences:
    def test_the_rubrics_come_first_and_hold_no_logged_text(self):
        request = review().request(ROW)
        assert [message["role"] for message in request.messages] == ["system", "user"]
        assert "It costs 12" not in request.messages[0]["content"]

    def test_every_call_has_its_own_code_and_is_the_same_question(self):
        first, second = review().request(ROW), review().request(ROW)
        assert first.fence != second.fence
        assert first.identity == second.identity
        assert first.fence in first.messages[1]["content"]

    def test_a_code_that_a_text_happens_to_hold_is_not_used(self, monkeypatch):
        codes = iter(["a" * 16, "b" * 16])
        monkeypatch.setattr("evaluators.fencing.secrets.token_hex", lambda n: next(codes))
        assert review().request(Interaction("r", "say " + "a" * 16, "no")).fence == "b" * 16

    @given(prompt=st.text(max_size=200), response=st.text(max_size=200))
    def test_whatever_is_logged_stays_inside(self, prompt, response):
        request = review(redact=False).request(Interaction("r", prompt, response))
        user = request.messages[1]["content"]
        assert user.count(request.fence) == 6
        for name, text in (("QUESTION", prompt), ("ANSWER", response)):
            assert f"<<<{name} {request.fence}>>>\n{text}\n<<<END {name} {request.fence}>>>" in user


class TestRedaction:
    PRIVATE = (
        "jo.doe@mail.example.org", "+44 20 7946 0018", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00",
        "536-90-4399", "93.184.216.34", "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9,
        "sk-proj-" + "Ab3d" * 8,
        "xoxb-" + "1234567890-abcdef", "postgresql://app:hunter2secret@db/x", "password: Tr4verse-9-moon",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "glpat-" + "a1B2" * 6, "https://hooks.slack.com/services/T0/B0/" + "a1B2" * 6, "AIza" + "a1B2c" * 7,
        "ya29." + "a1B2" * 6,
        "sk_live_" + "a1B2" * 6, "whsec_" + "a1B2" * 6, "hf_" + "a1B2" * 9, "npm_" + "a1B2" * 9, "pypi-" + "a1B2" * 12,
        "SG." + "a1B2" * 5 + "." + "a1B2" * 5, "dop_v1_" + "a1b2" * 12, "github_pat_" + "a1B2" * 8,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    )  # fmt: skip

    PIECES = ("jo@mail.example.org", "4111111111111111", "93.184.216.34", "+442079460018", "AKIAIOSFODNN7EXAMPLE",
              "password=Tr4verse9moon")  # fmt: skip

    @pytest.mark.parametrize("secret", PRIVATE)
    @pytest.mark.parametrize("field", ["prompt", "response", "context", "ground_truth"])
    def test_no_raw_match_reaches_the_request(self, secret, field):
        value = (f"Please note {secret} for later.",) if field == "context" else f"Please note {secret} for later."
        fields = {"prompt": "q", "response": "a"} | {field: value}
        request = review().request(Interaction("r1", **fields))
        body = json.dumps(request.messages, ensure_ascii=False)
        found = find_private(f"Please note {secret} for later.")
        assert found
        for item in found:
            assert f"Please note {secret} for later."[item.start : item.end] not in body

    def test_the_same_value_has_the_same_name_everywhere_in_a_row(self):
        row = Interaction(
            "r", "Mail jo@mail.example.org", "It is jo@mail.example.org", context=("or al@mail.example.org",)
        )
        user = review().request(row).messages[1]["content"]
        assert re.findall(r"\[EMAIL_\d\]", user) == ["[EMAIL_1]", "[EMAIL_2]", "[EMAIL_1]"]

    def test_a_claim_quoted_with_a_placeholder_is_found_in_the_original(self):
        row = Interaction("r", "q", "Ask jo@mail.example.org. It won a prize.", context=("c",))
        made = review("hallucination")
        claims = [{"claim": "Ask [EMAIL_1].", "evidence": None}, {"claim": "It won a prize.", "evidence": None}]
        text = json.dumps({"hallucination": claims, "sure": True})
        parsed = made.parse(text, row)
        said = ["Ask jo@mail.example.org", "It won a prize"]
        assert [row.response[s.start : s.end] for s in made.scores(parsed, row)["hallucination"].spans] == said
        # The same question, so the same answer, of a row with another address: its own places.
        other = Interaction("r", "q", "Ask somebody.else@a.example.org. It won a prize.", context=("c",))
        assert made.request(other).identity == made.request(row).identity
        said = ["Ask somebody.else@a.example.org", "It won a prize"]
        assert [other.response[s.start : s.end] for s in made.scores(parsed, other)["hallucination"].spans] == said

    def test_the_version_is_part_of_what_a_score_depends_on(self):
        assert review().redaction_version
        assert review(redact=False).redaction_version == ""

    @given(st.lists(st.sampled_from([*PIECES, " ", "x", "\n", "@", ".", "-"]), max_size=8))
    def test_nothing_private_is_left_and_every_place_leads_back(self, pieces):
        text = "".join(pieces)
        redacted = Redactor().redact(text)
        assert not find_private(redacted.text)
        assert redacted.original_span(0, len(redacted.text)) == (0, len(text))
        kept, last = [], 0
        for start, end, first, until in redacted.cuts:
            kept.append(redacted.text[last:start])
            assert text[:first].endswith(redacted.text[last:start])
            last = end
            assert first < until
        assert text.endswith(redacted.text[last:])

    def test_ordinary_text_stays_as_it_is(self):
        text = (
            "Order 1234567890 of 2024-03-12 costs 1,234.56; the token limit is 4096, version 1.2.3.4 is out. Call 911."
        )
        assert Redactor().redact(text).text == text


class TestRubricFiles:
    GOOD = "---\nname: tone\nversion: 1\nkind: choice\nscale: {yes: 1, no: 0}\n---\nIs the answer polite?\n"

    def write(self, tmp_path, text):
        path = tmp_path / "tone.md"
        path.write_text(text)
        return path

    def test_a_rubric_of_ones_own(self, tmp_path):
        rubric = read_rubric(self.write(tmp_path, self.GOOD))
        made = Review([rubric])
        assert made.evaluators == (("tone", "1"),)
        row = Interaction("r", "q", "a")
        assert made.scores(made.parse('{"tone": "Yes", "sure": true}', row), row)["tone"].value == 1.0

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("version: 1\n", "", "'version' is missing"),
            ("kind: choice", "kind: vibe", "kind 'vibe' is none of"),
            ("scale: {yes: 1, no: 0}", "scale: {yes: 2, no: 0}", "from 0 .* to 1"),
            ("scale: {yes: 1, no: 0}\n", "", "scale is missing"),
            ("kind: choice", "kind: grade", "whole numbers"),
            ("name: tone", "name: Tone!", "lower-case"),
            ("name: tone", "name: tone\ncolour: red", "unknown key 'colour'"),
            ("version: 1", "version: 1\nsees: [prompt, mind]", "'mind' is none of"),
            ("Is the answer polite?\n", "", "no text for the judge"),
            ("name: tone", "name: [", "tone.md"),
        ],
    )
    def test_a_mistake_names_the_file_and_the_key(self, tmp_path, old, new, message):
        with pytest.raises(RubricError, match=message):
            read_rubric(self.write(tmp_path, self.GOOD.replace(old, new)))

    def test_any_change_of_a_rubric_is_another_version(self, tmp_path):
        one = Review([read_rubric(self.write(tmp_path, self.GOOD))]).rubric_version
        assert Review([read_rubric(self.write(tmp_path, self.GOOD.replace("polite", "kind")))]).rubric_version != one
        other_scale = self.GOOD.replace("no: 0", "no: 0.5")
        assert Review([read_rubric(self.write(tmp_path, other_scale))]).rubric_version != one
