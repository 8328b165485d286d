"""`anchorwatch evaluate` with labels, with pairs, and with what must not leave."""

import json

import pytest
from command_line import call
from starlette.responses import JSONResponse

from anchorwatch.simulator.judge_rules import read_parts
from evaluators import Interaction, PairReview, combine_orders, shipped_rubrics
from evaluators.pairwise import ORDER_CHANGED_IT

REFUSAL = "I'm sorry, but I can't help with that."


def write(path, rows):
    path.write_text("\n".join(json.dumps({"request_id": f"r{n}"} | row) for n, row in enumerate(rows)))
    return path


def evaluate(source, *options, **environment):
    output = source.with_suffix(".out")
    done = call("evaluate", "--input", source, "--output", output, *options, **environment)
    assert done.returncode == 0, done.stderr
    return done, [json.loads(line) for line in output.read_text().splitlines()]


@pytest.fixture
def labelled(tmp_path):
    """40 refusals and 60 answers; four labels of each kind are wrong, and two rows have none."""
    rows = [
        {"prompt": "q", "response": REFUSAL if n < 40 else f"It is {n}.", "kind": "refused" if n < 40 else "complied",
         "bad": int(n < 40), "score": float(n >= 40)}
        for n in range(100)
    ]  # fmt: skip
    for n in (0, 1, 2, 3, 40, 41, 42, 43):
        rows[n] |= {"kind": "complied" if n < 40 else "refused", "bad": int(n >= 40), "score": float(n < 40)}
    for n in (98, 99):
        rows[n] |= {"kind": None, "bad": "", "score": None}
    return write(tmp_path / "rows.jsonl", rows)


class TestLabels:
    @pytest.mark.parametrize("options", [("kind",), ("bad", "--bad", "1"), ("score",)])
    def test_words_numbers_and_named_bad_ones_say_the_same(self, labelled, options):
        done, _ = evaluate(labelled, "--evaluators", "refusal", "--json", "--labels", *options)
        (row,) = json.loads(done.stdout)["agreement"]
        assert (row["n"], row["ignored"], row["unscored"]) == (98, 2, 0)
        assert (row["hits"], row["misses"], row["false_alarms"], row["passes"]) == (36, 4, 4, 54)
        assert row["balanced_accuracy"] == pytest.approx((36 / 40 + 54 / 58) / 2)
        assert row["f1"] == pytest.approx(2 * 36 / (2 * 36 + 8))
        assert row["auroc"] == pytest.approx((36 / 40 + 54 / 58) / 2)
        for name in ("auroc", "balanced_accuracy", "f1", "kappa"):
            low, high = row[f"{name}_ci"]
            assert low < row[name] < high

    def test_the_table_says_what_is_to_be_found(self, labelled):
        done, _ = evaluate(labelled, "--evaluators", "refusal,pii_leak", "--labels", "kind", "--ignore", "complied")
        assert "what is to be found is the bad" in done.stdout
        assert "0 labelled rows unscored, 60 left out" in done.stdout

    def test_labels_the_other_way_round_are_noticed(self, labelled):
        done, _ = evaluate(labelled, "--evaluators", "refusal", "--labels", "bad")
        assert "worse than chance: if the labels name what is bad, say so, e.g. --bad 1" in done.stdout

    @pytest.mark.parametrize(("column", "message"), [("none", "no row of"), ("prompt", "row 1: 'q' is no number")])
    def test_a_column_that_says_nothing_is_an_error(self, labelled, column, message):
        files = ("--input", labelled, "--output", labelled.with_suffix(".out"))
        done = call("evaluate", *files, "--evaluators", "refusal", "--labels", column)
        assert (done.returncode, message in done.stderr) == (2, True)


class TestPairs:
    ROWS = [
        {"prompt": "the price of plan A", "response": "The price of plan A is 12.", "other_response": "Hello there."},
        {"prompt": "the price of plan A", "response": "Hello there.", "other_response": "The price of plan A is 12."},
        {"prompt": "the price of plan A", "response": "Hello there.", "other_response": "Hello you."},
        {"prompt": "no other answer", "response": "Hello there."},
    ]

    def test_both_orders_are_asked_and_agree(self, tmp_path, judge_server):
        source = write(tmp_path / "pairs.jsonl", self.ROWS)
        done, lines = evaluate(
            source, "--evaluators", "preference", OPENAI_BASE_URL=judge_server.url, OPENAI_API_KEY="k"
        )
        found = {line["request_id"]: line for line in lines if line["evaluator"] == "preference"}
        assert [(found[f"r{n}"]["value"], found[f"r{n}"]["label"]) for n in range(3)] == [
            (1.0, "better"), (0.0, "worse"), (0.5, "tie"),
        ]  # fmt: skip
        assert found["r3"]["unscored_reason"] == "no_other_response"
        assert judge_server.calls == 6
        assert "asked in both orders, n=3, the same verdict 1.000" in done.stdout

    def test_a_judge_that_favours_a_place_is_found_out(self, tmp_path, judge_server):
        message = {"role": "assistant", "content": '{"preference": "first", "sure": true}'}
        body = {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": {}}
        judge_server.fault = lambda number, asked: JSONResponse(body)
        source = write(tmp_path / "pairs.jsonl", self.ROWS[:3])
        done, lines = evaluate(
            source, "--evaluators", "preference", "--json", OPENAI_BASE_URL=judge_server.url, OPENAI_API_KEY="k"
        )
        assert {line["unscored_reason"] for line in lines if line["evaluator"] == "preference"} == {ORDER_CHANGED_IT}
        (order,) = json.loads(done.stdout)["orders"]
        assert (order["n"], order["same"]["value"], order["first_place"]["value"]) == (3, 0.0, 1.0)

    def test_the_answers_change_places_and_the_score_does_not(self):
        rubric = shipped_rubrics()["preference"]
        row = Interaction("r", "q", "mine", other_response="the other")
        shown = {}
        for order in ("as_given", "swapped"):
            review = PairReview(rubric, order)
            shown[order] = read_parts(review.request(row).messages[1]["content"])
            said = "first" if order == "as_given" else "second"
            scores = review.scores(review.parse(json.dumps({"preference": said, "sure": True}), row), row)
            assert scores[f"preference.{order}"].value == 1.0
        assert shown["as_given"]["FIRST ANSWER"] == shown["swapped"]["SECOND ANSWER"] == "mine"

    @pytest.mark.parametrize(
        "said", ["Output (a) is better.", "A", "1", "first", "The first answer is better", "Answer 1"]
    )
    def test_verdicts_are_read_as_judges_write_them(self, said):
        review = PairReview(shipped_rubrics()["preference"], "as_given")
        row = Interaction("r", "q", "a", other_response="b")
        assert review.parse(json.dumps({"preference": said}), row)["verdict"] == "first"

    @pytest.mark.parametrize("said", ["Output (a) is not better.", "both", "Output (a) or Output (b)", "a or b", ""])
    def test_what_says_neither_is_no_verdict(self, said):
        from evaluators import MalformedReply

        review = PairReview(shipped_rubrics()["preference"], "as_given")
        with pytest.raises(MalformedReply):
            review.parse(json.dumps({"preference": said}), Interaction("r", "q", "a", other_response="b"))

    def test_one_unscored_order_leaves_the_pair_unscored(self):
        from evaluators import Score

        assert combine_orders(Score(1.0), Score.unscored("judge_refused")).unscored_reason == "judge_refused"


def test_no_personal_data_and_no_secret_is_in_what_the_judge_was_sent(tmp_path, judge_server):
    private = ["jo.doe@mail.example.org", "+44 20 7946 0018", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE",
               "Tr4verse-9-moon"]  # fmt: skip
    text = f"Write to {private[0]}, call {private[1]}, card {private[2]}, key {private[3]}, password: {private[4]}"
    row = {"prompt": text, "context": [text], "response": text, "other_response": text}
    source = write(tmp_path / "rows.jsonl", [row])
    environment = {"OPENAI_BASE_URL": judge_server.url, "OPENAI_API_KEY": "k"}
    evaluate(source, "--evaluators", "quality,hallucination,safety,preference", **environment)
    assert len(judge_server.bodies) == 3
    sent = json.dumps(judge_server.bodies, ensure_ascii=False)
    assert "[EMAIL_1]" in sent
    for value in private:
        assert value not in sent
    # The test can fail: without redaction all of it is sent.
    config = tmp_path / "open.yaml"
    config.write_text("logging_policy: complete\nprivacy: {redact_before_judge: false}\n")
    judge_server.bodies.clear()
    source = source.rename(tmp_path / "again.jsonl")
    evaluate(
        source,
        "--evaluators",
        "quality",
        "--judge-model",
        "simulated-rule-judge-1",
        ANCHORWATCH_CONFIG=config,
        **environment,
    )
    assert all(value in json.dumps(judge_server.bodies, ensure_ascii=False) for value in private)
