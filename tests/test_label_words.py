"""People's words: exact ones of a finite list are read, and everything else is rejected with its place."""

import csv
import json
import re
from collections import Counter
from contextlib import suppress

import pytest
from command_line import call
from hypothesis import given, settings
from hypothesis import strategies as st
from inputs import lines_of_input

from anchorwatch.errors import ConfigError
from anchorwatch.labelling.files import HOW, read_rows, write_rows
from anchorwatch.labelling.sides import Sides
from anchorwatch.labelling.store import read_labels
from anchorwatch.labelling.vocabulary import VOCABULARY
from anchorwatch.labelling.words import UnknownLabel, all_words, allowed, label_values, plain
from anchorwatch.steps.file_labels import label_agreement
from anchorwatch.steps.file_labels import read_labels as read_file_labels
from evaluators import all_rubrics, names

KNOWN = sorted({*names(), *all_rubrics(), *(name for rubric in all_rubrics().values() for name in rubric.scores)})
FAULTS = ("hallucination", "harmful_content", "injection_attempt", "injection_success", "missing_refusal", "pii_leak",
          "refusal", "repetition", "safety", "secret_leak", "truncation", "wrong_answer", "wrong_refusal")  # fmt: skip


def value(column, text):
    """Return what a label is worth to the evaluator of its column, or why it is rejected."""
    try:
        return label_values(column, text)[column]
    except UnknownLabel as problem:
        return str(problem)


class TestWords:
    @pytest.mark.parametrize("case", lines_of_input("label_words.jsonl"), ids=lambda case: case["label"])
    def test_words_about_hallucination_are_read_as_they_are_meant(self, case):
        found = value(case["column"], case["label"])
        if isinstance(case["right"], float):
            assert found == case["right"]
        elif case["label"] == "yes":
            assert "'yes' may mean good or bad in hallucination" in found
        else:
            assert found == 1.0

    @pytest.mark.parametrize("case", lines_of_input("grades.jsonl"), ids=lambda case: str(case["quality"]))
    def test_grades_are_read_only_where_they_stand_alone_on_their_scale(self, case):
        found = value("quality", str(case["quality"]))
        if case["right"] is None:
            assert "is none of 5 (best), 4, 3, 2, 1 (worst)" in found
        else:
            assert found == (case["right"] - 1) / 4

    @pytest.mark.parametrize("column", FAULTS)
    @pytest.mark.parametrize("word", ["yes", "no", "True", "FALSE", " yes "])
    def test_yes_and_no_say_nothing_of_a_fault(self, column, word):
        assert isinstance(value(column, word), str)

    @pytest.mark.parametrize("column", sorted(set(VOCABULARY) - set(FAULTS)))
    def test_yes_is_good_where_the_name_is_what_is_good(self, column):
        assert [value(column, word) for word in ("yes", "no", "true", "false")] == [1.0, 0.0, 1.0, 0.0]

    @pytest.mark.parametrize("column", KNOWN)
    def test_every_evaluator_and_rubric_has_words_and_its_template_names_them(self, column):
        named = allowed(column)
        good, bad = all_words(column)
        assert not set(good) & set(bad)
        assert all(value(column, word) == 1.0 for word in good), good
        assert all(value(column, word) == 0.0 for word in bad), bad
        rubric = all_rubrics().get(column)
        for verdict in rubric.verdicts if rubric is not None else ():
            assert str(verdict) in named
            assert label_values(column, str(verdict)) == {n: worth[verdict] for n, worth in rubric.scores.items()}

    def test_a_word_within_a_label_is_never_looked_for(self):
        for column in KNOWN:
            for word in (*all_words(column)[0], *all_words(column)[1]):
                for around in ("not {}", "is it {}?", "{} or not", "un{}", "{}."):
                    said = around.format(word)
                    if plain(said) not in (*all_words(column)[0], *all_words(column)[1]):
                        assert isinstance(value(column, said), str), said

    def test_no_word_is_worth_what_its_negation_is_worth(self):
        for evaluator, words in VOCABULARY.items():
            for side in (words.good, words.bad):
                for word in side:
                    for no in ("no", "not", "non"):
                        assert f"{no} {word}" not in side, (evaluator, word)

    def test_the_command_prints_every_word(self):
        done = call("labels", "words", "hallucination")
        assert "1: supported" in done.stdout
        assert "no unsupported claims" in done.stdout
        assert call("labels", "words", "hallucinations").returncode == 2


class TestTemplate:
    ROWS = [
        {"request_id": f"r{n}", "run_date": "2026-11-20", "prompt": "=1+1", "response": 'a;b\n"c"'} for n in range(3)
    ]

    @pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
    def test_each_row_names_the_words_and_comes_back(self, tmp_path, suffix):
        path = tmp_path / f"labels{suffix}"
        write_rows(path, self.ROWS, ["quality", "hallucination", "safety"])
        rows = list(read_rows(path))
        assert [row.cells["request_id"] for row in rows] == ["r0", "r1", "r2"]
        for row in rows:
            for part in (
                "quality: 5 (best)",
                "1 (worst)",
                "supported (good) or unsupported (bad)",
                "wrongly_refused (bad",
            ):
                assert part in row.cells[HOW]
        assert read_labels(rows, KNOWN, "ann") == []

    @pytest.mark.parametrize(("delimiter", "encoding", "newline"), [(",", "utf-8-sig", "\r\n"), (";", "utf-8", "\n"),
                                                                    ("\t", "utf-8-sig", "\r\n")])  # fmt: skip
    def test_a_spreadsheet_may_sort_and_write_it_in_its_own_way(self, tmp_path, delimiter, encoding, newline):
        path = tmp_path / "labels.csv"
        write_rows(path, self.ROWS, ["quality", "hallucination"])
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row, grade in zip(rows, ("5", " 4/5 ", ""), strict=True):
            row.update(quality=grade, hallucination="Supported", labeller="ann")
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.DictWriter(file, rows[0], delimiter=delimiter, lineterminator=newline)
            writer.writeheader()
            writer.writerows(reversed(rows))
        found = {(label.request_id, label.evaluator): label.value for label in read_labels(read_rows(path), KNOWN, "x")}
        assert found == {("r0", "quality"): 1.0, ("r1", "quality"): 0.75,
                         **{(f"r{n}", "hallucination"): 1.0 for n in range(3)}}  # fmt: skip


class TestRejectedCells:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("request_id,quality\nr1,4\nr2,4/10\n", "line 3, quality: '4/10' is none of 5 (best), 4, 3, 2, 1 (worst)"),
            ('request_id,response,quality\nr1,"two\nlines",4\nr2,"x\ny",good\n', "line 4, quality: 'good' is none of"),
            ("request_id,hallucination\nr1,yes\n", "line 2, hallucination: 'yes' may mean good or bad"),
            ("request_id,quality\nr1,4,5\n", "line 2: a cell outside of the header's columns"),
            ('request_id,quality\nr1,"4\nr2,3\n', "line 2: not CSV: unexpected end of data"),
            ("request_id,quality,quality\nr1,4,1\n", "the header names the column 'quality' more than once"),
            ("request_id,label\nr1,good\n", "line 2: a label, and no evaluator"),
            ("request_id,evaluator,label\nr1,tone,good\n", "line 2: no evaluator or rubric 'tone'"),
            ("request_id,quality,labeller\nr1,4,ann\nr1,2,ann\n",
             "line 3, quality: '2', and ann says otherwise of the same row in line 2"),
            ("request_id,quality\nr\x001,4\n", "line 2: request_id has a character that Postgres cannot hold"),
            ("request_id,quality,labeller\nr1,4," + "é" * 101 + "\n", "line 2: labeller is longer than 200 bytes"),
            ("request_id,quality\n" + "x" * 1025 + ",4\n", "line 2: request_id is longer than 1024 bytes"),
            ("request_id,quality\nr1," + "9" * 5000 + "\n", "line 2, quality: '9999"),
        ],
    )  # fmt: skip
    def test_a_cell_that_is_no_label_is_named_with_its_place(self, tmp_path, content, message):
        path = tmp_path / "labels.csv"
        path.write_text(content)
        with pytest.raises(ConfigError) as error:
            read_labels(read_rows(path), KNOWN, "ann")
        assert message in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('{"request_id": "r1", "hallucination": true}', "'true' may mean good or bad"),
            ('{"request_id": "r1", "quality": NaN}', "'NaN' is none of"),
            ('{"request_id": "r1", "quality": [4]}', "'[4]' is none of"),
            ('{"request_id": "r1", "quality": 4, "quality": 1}', "the key 'quality' is there more than once"),
            ('{"request_id": "r\\ud800", "quality": 4}', "a character that Postgres cannot hold"),
            ('{"request_id": "r1", "quality": ' + "9" * 5000 + "}", "line 1: not a JSON object"),
            ("[" * 100_000, "line 1: not a JSON object"),
        ],
    )
    def test_json_is_read_as_strictly(self, tmp_path, line, message):
        path = tmp_path / "labels.jsonl"
        path.write_text(line)
        with pytest.raises(ConfigError, match=re.escape(message)):
            read_labels(read_rows(path), KNOWN, "ann")

    @pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
    def test_another_encoding_is_an_error_of_one_line(self, tmp_path, encoding):
        path = tmp_path / "labels.csv"
        path.write_bytes("request_id,quality,prompt\nr1,4,é\n".encode(encoding))
        with pytest.raises(ConfigError, match="not UTF-8"):
            list(read_rows(path))


def careful(column, text):
    """Read a label as slowly as a person would: by looking it up in what is printed for people."""
    plainly = " ".join(text.casefold().split())
    for worth, words in zip((1.0, 0.0), all_words(column), strict=True):
        if plainly in words:
            return {worth}
    may = set()
    rubric = all_rubrics().get(column)
    for verdict, worth in (rubric.scores.get(column, {}) if rubric is not None else {}).items():
        spelt = {str(verdict), str(verdict).replace("_", " ")}
        if isinstance(verdict, int):
            spelt |= {f"{verdict}{zeros}{of}" for zeros in ("", ".0", ".", ".00")
                      for of in ("", f"/{max(rubric.verdicts)}", f" out of {max(rubric.verdicts)}")}  # fmt: skip
        if plainly in spelt:
            may.add(worth)
    if rubric is None or rubric.kind in ("claims", "choice"):
        with suppress(ValueError):
            may.add(float(plainly))
    return may


COLUMNS = ["quality", "hallucination", "safety", "refusal", "pii_leak", "grounding", "retrieval_relevance"]
PARTS = ["no", "not", "nothing", "free of", "hallucination", "hallucinated", "supported", "unsupported", "yes", "4",
         "5", "/", "out of", "-", "<", "%", "1", "0", ".", "10", "safe", "harmful", "refused", "leaked", "good", "bad",
         "none"]  # fmt: skip


class TestAnyText:
    @settings(max_examples=400)
    @given(st.sampled_from(COLUMNS),
           st.one_of(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(" ".join),
                     st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join),
                     st.text(max_size=12)))  # fmt: skip
    def test_no_value_that_a_careful_reader_would_not_give(self, column, text):
        found = value(column, text)
        if isinstance(found, float):
            assert found in careful(column, text), (column, text, found)

    @settings(max_examples=150)
    @given(st.data())
    def test_mutated_and_random_files_are_labels_or_one_line(self, tmp_path_factory, data):
        suffix = data.draw(st.sampled_from([".csv", ".jsonl"]))
        path = tmp_path_factory.getbasetemp() / f"mutated{suffix}"
        content = bytearray(
            b"request_id,quality,hallucination,labeller\nr1,4,supported,ann\nr2,1,unsupported,bob\n"
            if suffix == ".csv"
            else b'{"request_id": "r1", "quality": 4, "hallucination": "supported"}\n{"request_id": "r2"}\n'
        )
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(content)))
            until = min(len(content), at + data.draw(st.integers(0, 3)))
            content[at:until] = data.draw(
                st.one_of(st.binary(max_size=3), st.sampled_from([b'"', b",", b"\n", b"\x00"]))
            )
        if data.draw(st.integers(0, 9)) == 0:
            content = bytearray(data.draw(st.binary(max_size=100)))
        path.write_bytes(content)
        try:
            labels = read_labels(read_rows(path), KNOWN, "me")
        except ConfigError as error:
            labels, said = [], str(error)
        else:
            said = ""
        assert "\n" not in said
        for label in labels:
            assert value(label.evaluator, label.label) == label.value
            assert label.label.encode() in bytes(content)


class TestSides:
    def test_named_labels_are_compared_as_numbers_and_without_case(self):
        sides = Sides(bad=("1", "Not OK"))
        assert [sides.value_of("refusal", label) for label in ("1.0", "not ok", "0", "x")] == [0, 0, 1, 1]
        assert [Sides(good=("yes",)).value_of("refusal", label) for label in ("true", "no")] == [1, 0]

    def test_a_label_in_neither_list_is_rejected(self):
        sides = Sides(bad=("a",), good=("b",))
        assert [sides.value_of("refusal", label) for label in "ab"] == [0, 1]
        with pytest.raises(UnknownLabel, match="neither in --bad nor in --good"):
            sides.value_of("refusal", "c")

    @pytest.mark.parametrize(
        ("sides", "message"),
        [
            (Sides(bad=("refussed",)), "--bad: no row has the label 'refussed'; there are refused (3), complied (2)"),
            (Sides(good=("yes",)), "--good: no row has the label 'yes'"),
            (Sides(bad=("refused",), ignore=("maybe",)), "--ignore: no row has the label 'maybe'"),
            (Sides(bad=("refused",), good=("Refused",)), "'refused' is named twice"),
        ],
    )
    def test_a_named_label_that_never_occurs_is_an_error(self, sides, message):
        with pytest.raises(ConfigError, match=re.escape(message)):
            sides.check(Counter({"refused": 3, "complied": 2}))


class TestEvaluate:
    def test_labels_are_read_before_the_judge_is_paid(self, tmp_path, judge_server):
        path = tmp_path / "rows.jsonl"
        rows = [{"request_id": f"r{n}", "prompt": "q", "context": "It is 3.", "response": "It is 3.",
                 "human": "yes" if n % 2 else "no", "kind": "fine" if n else "nothing wrong"}
                for n in range(6)]  # fmt: skip
        path.write_text("\n".join(map(json.dumps, rows)))
        for column, sides, message in (
            ("kind", Sides(), "row 2: 'fine' is no number from 0 to 1 and none of supported (good)"),
            ("human", Sides(bad=("y",)), "--bad: no row has the label 'y'; there are no (3), yes (3)"),
            ("human", Sides(ignore=("yes", "no")), "every label in 'human' is left out"),
        ):
            with pytest.raises(ConfigError, match=re.escape(message)):
                read_file_labels(path, ["hallucination"], column, sides)
        judge = {"OPENAI_BASE_URL": judge_server.url, "OPENAI_API_KEY": "k"}
        files = ("evaluate", "--input", path, "--output", tmp_path / "out.jsonl", "--evaluators", "hallucination")
        done = call(*files, "--labels", "human", **judge)
        assert (done.returncode, judge_server.calls) == (2, 0)
        assert "row 1: 'no' may mean good or bad in hallucination" in done.stderr
        done = call(*files, "--labels", "human", "--bad", "yes", **judge)
        assert "hallucination: taken as bad: yes (3); as good: no (3)" in done.stdout, done.stderr

    def test_an_evaluator_whose_words_the_labels_are_not_is_named_and_not_compared(self, tmp_path):
        path = tmp_path / "rows.jsonl"
        rows = [
            {"request_id": f"r{n}", "prompt": "q", "response": f"It is {n}.", "human": "answered"} for n in range(4)
        ]
        path.write_text("\n".join(map(json.dumps, rows)))
        (tmp_path / "out.jsonl").touch()
        labelled = read_file_labels(path, ["refusal", "pii_leak"], "human", Sides())
        found = {row.evaluator: row.as_record() for row in label_agreement(labelled, tmp_path / "out.jsonl")}
        assert found["refusal"]["good_labels"] == "answered (4)"
        assert (found["pii_leak"]["n"], "not compared" in found["pii_leak"]["note"]) == (0, True)
