import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators import (
    Interaction,
    Score,
    UnknownEvaluator,
    evaluator,
    get_evaluator,
    names,
)


def score(name: str, response: str, **fields: object) -> Score:
    options = fields.pop("options", {})
    _, function = get_evaluator(name, **options)
    return function(Interaction("r1", fields.pop("prompt", "question"), response, **fields))


CONTEXT = ("Plan A costs 1,200.50 dollars since 12 March 2024. See https://example.org/a. Growth was 3.14 %.",)


@pytest.mark.parametrize(
    ("name", "response", "fields", "label"),
    [
        ("format_validity", "anything", {}, "valid"),
        ("format_validity", "  ", {}, "empty"),
        ("format_validity", '{"a": 1}', {"options": {"default": {"kind": "json", "required_keys": ["a"]}}}, "valid"),
        (
            "format_validity",
            '{"b": 1}',
            {"options": {"default": {"kind": "json", "required_keys": ["a"]}}},
            "missing_key",
        ),
        ("format_validity", "[1]", {"options": {"default": {"kind": "json", "required_keys": ["a"]}}}, "not_an_object"),
        ("format_validity", "x", {"options": {"default": {"kind": "regex", "pattern": "^y"}}}, "no_match"),
        ("format_validity", " YES ", {"options": {"default": {"kind": "choice", "choices": ["yes", "no"]}}}, "valid"),
        ("truncation", "so", {"finish_reason": "length"}, "cut_off"),
        ("truncation", "so.", {"finish_reason": "stop"}, "complete"),
        ("truncation", '{"a": [1, 2', {}, "cut_off"),
        ("truncation", "```python\nprint(1)", {}, "cut_off"),
        ("refusal", "I'm sorry, but I can't assist with that.", {}, "refused"),
        ("refusal", "I cannot provide medical advice.", {}, "refused"),
        ("refusal", "As an AI language model, I do not have opinions.", {}, "refused"),
        ("refusal", "I'm sorry to hear that! Here is how to reset it: ...", {}, "answered"),
        ("refusal", "You can't use two coupons at once.", {}, "answered"),
        ("repetition", "the same words again " * 40, {}, "loop"),
        ("repetition", "short " * 5, {}, "no_loop"),
        ("grounding", "It costs 1200.5 dollars.", {"context": CONTEXT}, "supported"),
        ("grounding", "It costs 1201 dollars.", {"context": CONTEXT}, "supported"),
        ("grounding", "It costs 1300 dollars.", {"context": CONTEXT}, "unsupported"),
        ("grounding", "Since 2024-03-12.", {"context": CONTEXT}, "supported"),
        ("grounding", "Since March 13, 2024.", {"context": CONTEXT}, "unsupported"),
        ("grounding", "See https://example.org/a", {"context": CONTEXT}, "supported"),
        ("grounding", "See https://example.org/b", {"context": CONTEXT}, "unsupported"),
        ("grounding", "1. First\n2. Then", {"context": CONTEXT}, "nothing_to_check"),
        ("grounding", "In 50 words, as asked.", {"context": CONTEXT, "prompt": "Answer in 50 words"}, "supported"),
        ("ground_truth_agreement", "The result is \\boxed{4}, not 5.", {"ground_truth": "4"}, "agrees"),
        ("ground_truth_agreement", "I count 3, 4 and finally 5", {"ground_truth": "4"}, "disagrees"),
        ("ground_truth_agreement", "(B). Some of the time", {"ground_truth": "b"}, "agrees"),
        ("ground_truth_agreement", "[No] ... so the answer is [Yes].", {"ground_truth": "yes"}, "agrees"),
        ("ground_truth_agreement", '{"b": 2, "a": 1}', {"ground_truth": '{"a": 1, "b": 2}'}, "agrees"),
        ("ground_truth_agreement", " Paris. ", {"ground_truth": "paris"}, "agrees"),
    ],
)
def test_labels(name, response, fields, label):
    assert score(name, response, **fields).label == label


@pytest.mark.parametrize(
    ("name", "response", "fields", "reason"),
    [
        ("grounding", "12", {}, "no_context"),
        ("ground_truth_agreement", "12", {}, "no_ground_truth"),
        ("truncation", "so", {}, "no_finish_reason"),
        ("refusal", "", {}, "empty_response"),
    ],
)
def test_unscored_with_a_reason(name, response, fields, reason):
    found = score(name, response, **fields)
    assert (found.value, found.unscored_reason) == (None, reason)


def test_grounding_says_where_and_not_what():
    found = score("grounding", "It costs 999 dollars.", context=CONTEXT)
    assert [(span.start, span.end) for span in found.spans] == [(9, 12)]
    assert "999" not in str(found.explanation)


@pytest.mark.parametrize("name", names())
@given(text=st.text(max_size=300), truth=st.one_of(st.none(), st.text(max_size=20)))
def test_any_text_gets_a_score_or_a_reason(name, text, truth):
    found = score(name, text, context=(text, "1 2"), ground_truth=truth)
    assert (found.value is None) != (found.unscored_reason is None)


@pytest.mark.parametrize("arguments", [{"value": 1.5}, {"value": None}, {"value": 0.5, "unscored_reason": "x"}])
def test_a_score_that_makes_no_sense_cannot_be_made(arguments):
    with pytest.raises(ValueError, match="score"):
        Score(**arguments)


def test_registering_a_name_twice_is_an_error():
    with pytest.raises(ValueError, match="registered twice"):
        evaluator("refusal", version="2")(lambda: lambda interaction: Score(1.0))


def test_an_unknown_name_suggests_another():
    with pytest.raises(UnknownEvaluator, match="did you mean 'refusal'"):
        get_evaluator("refusl")
