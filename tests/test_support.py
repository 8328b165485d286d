"""The support evaluator: what it counts, against a slow count; what it makes of it; and what it may read."""

import math
import re
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators import Interaction, get_evaluator
from evaluators.support import COEFFICIENTS, read_model
from evaluators.support_features import FEATURES, evidence
from evaluators.words import MAX_PLACES, given_words, stem_of, word_sentences

GIVEN = (
    "The Team plan costs 1,200.50 dollars a year. Growth was 14 % in 2024. Ada Lovelace founded the company in"
    " London. The refund is not available after thirty days."
)
WORDS = ["harbour", "lantern", "copper", "violin", "meadow", "the", "not", "Berlin", "Norway", "7", "2024", "is"]
SENTENCES = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), min_size=1, max_size=5)
MODEL = read_model(COEFFICIENTS)


def text(sentences):
    return ". ".join(" ".join(words) for words in sentences) + "."


def value(answer, context=GIVEN, prompt="What is it?"):
    _, function = get_evaluator("support")
    return function(Interaction("r1", prompt, answer, context=(context,)))


@pytest.mark.parametrize(
    ("answer", "new"),
    [
        ("It costs 1,200.50 dollars.", 0),
        ("It costs 1200.5 dollars.", 0),
        ("It costs 1.2 thousand dollars.", 0),
        ("It costs 1.3 thousand dollars.", 1),
        ("It costs 1201 dollars.", 0),
        ("It costs 1202 dollars, or 1203.", 2),
        ("Growth was 14%.", 0),
        ("Growth was 0.14.", 0),
        ("Growth was 15 %.", 1),
        ("Growth was fast.", 0),
        ("Version 1.2.3 is out.", 1),
    ],
)
def test_a_number_is_new_unless_it_is_given_as_written_rounded_or_in_percent(answer, new):
    assert evidence(GIVEN, answer).new_numbers == new


@pytest.mark.parametrize(
    ("answer", "field", "count"),
    [
        ("The company was founded by Ada Lovelace in London.", "new_names", 0),
        ("The company was founded by Grace Hopper in London.", "new_names", 2),
        ("The refund is available after thirty days.", "contradicted", 1),
        ("The refund isn't available after thirty days.", "contradicted", 0),
        ("The Team plan costs dollars a year.", "separated", 0),
        ("The Team founded growth.", "separated", 2),
        ("The team plan has unicorns and rainbows.", "new_words", 2),
    ],
)
def test_what_is_counted(answer, field, count):
    assert getattr(evidence(GIVEN, answer), field) == count


def slow_count(given_text, answer):
    """Count with sets of words and nothing clever: words, new, pairs, separated, compared, scattered."""
    known = [{stem_of(word) for word in words} - {""} for words in word_sentences(given_text.casefold())]
    found = [0] * 6
    for words in word_sentences(answer):
        stems = [stem for word in words if (stem := stem_of(word.casefold()))]
        pairs = list(pairwise(stems))
        found[0] += len(stems)
        found[1] += sum(not any(stem in sentence for sentence in known) for stem in stems)
        found[2] += len(pairs)
        found[3] += sum(not any({a, b} <= sentence for sentence in known) for a, b in pairs)
        if len(stems) >= 3:
            holds = [sum(stem in sentence for stem in stems) for sentence in known]
            near = 0
            if holds and max(holds):
                best = holds.index(max(holds))
                around = set().union(*known[max(best - 1, 0) : best + 2])
                near = sum(stem in around for stem in stems)
            found[4] += len(stems)
            found[5] += len(stems) - near
    return found


@given(known=SENTENCES, told=SENTENCES)
@settings(max_examples=200, deadline=None)
def test_the_counts_are_those_of_a_slow_count(known, told):
    found = evidence(text(known), text(told))
    counts = [found.words, found.new_words, found.pairs, found.separated, found.compared, found.scattered]
    assert counts == slow_count(text(known), text(told))


@given(known=SENTENCES, told=SENTENCES)
@settings(max_examples=200, deadline=None)
def test_a_sentence_of_nothing_but_new_words_never_raises_the_score(known, told):
    longer = text(told) + " Zebras quietly juggled porcelain umbrellas."
    assert value(longer, text(known)).value <= value(text(told), text(known)).value + 1e-12


@pytest.mark.parametrize("feature", range(len(FEATURES)))
def test_more_of_any_sign_is_less_support(feature):
    low, high = [0.0] * len(FEATURES), [0.0] * len(FEATURES)
    high[feature] = 1.0
    assert MODEL.coefficients[feature] >= 0
    assert MODEL.supported(high) <= MODEL.supported(low)


def test_the_score_is_the_logistic_function_of_the_coefficients_in_the_file():
    content = yaml.safe_load(COEFFICIENTS.read_text(encoding="utf-8"))
    found = evidence(f"What is it?\n{GIVEN}", "Growth was 15 % in Norway, said Grace Hopper.").features()
    odds = content["intercept"] + sum(
        content["coefficients"][name] * one for name, one in zip(FEATURES, found, strict=True)
    )
    expected = 1 - 1 / (1 + math.exp(-odds))
    assert value("Growth was 15 % in Norway, said Grace Hopper.").value == pytest.approx(expected, abs=1e-12)


def test_a_copied_sentence_is_supported_and_an_invented_one_is_not():
    assert value("The Team plan costs 1,200.50 dollars a year.").label == "supported"
    invented = value("The Team plan costs 1,200.50 dollars a year. It won 17 awards in Norway, said Grace Hopper.")
    assert invented.label == "unsupported"
    assert [(span.start, span.end) for span in invented.spans] == [(44, 91)]
    assert "Norway" not in str(invented.explanation)
    assert "3 of 4 names not given" in str(invented.explanation)


def test_rows_with_nothing_to_compare_say_so():
    _, function = get_evaluator("support")
    assert function(Interaction("r1", "q", "It is so.")).unscored_reason == "no_context"
    assert value("Yes.").label == "nothing_to_check"


def test_a_huge_context_keeps_its_places_few():
    places = given_words("the copper violin rests. " * 5_000 + "an ibex sings.").places({"copper", "ibex", "zebra"})
    assert set(places) == {"copper", "ibex"}
    assert max(place.bit_length() for place in places.values()) <= MAX_PLACES


@given(st.text(max_size=200))
def test_any_text_is_cut_into_words_without_spaces(any_text):
    for words in word_sentences(any_text):
        assert words
        assert not any(re.search(r"\s", word) for word in words)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coefficients": {"new_words": 1.0}}, "coefficients are of"),
        ({"coefficients": dict.fromkeys(FEATURES, -1.0)}, "is below 0"),
    ],
)
def test_coefficients_of_another_version_are_refused(tmp_path, change, message):
    content = yaml.safe_load(COEFFICIENTS.read_text(encoding="utf-8")) | change
    file = tmp_path / "support.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_model(file)


def test_the_file_says_where_its_numbers_are_from():
    content = yaml.safe_load(COEFFICIENTS.read_text(encoding="utf-8"))
    assert content["made_by"].startswith("python benchmarks/support/run.py")
    assert {"repository", "revision", "licence", "rows", "unsupported"} <= set(content["sets"][0])
    assert not {"RAGTruth", "FaithBench", "CLIFF"} & {entry["repository"].split("/")[1] for entry in content["sets"]}


def test_many_numbers_are_counted_like_few():
    numbers = [f"{n}.{n % 10}" for n in range(1000, 1400)]
    given_text = " and ".join(numbers[:350]) + "."
    many, few = evidence(given_text, " or ".join(numbers)), evidence(given_text, " or ".join(numbers[330:390]))
    assert (many.numbers, many.new_numbers) == (400, 50)
    assert (few.numbers, few.new_numbers) == (60, 40)
