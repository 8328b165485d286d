"""Answers with their context and a label of people: is everything in the answer supported by the context?

Every loader reads plain files of a public repository that was cloned beside the others in one folder, under the
repository's own name. Nothing of them is copied into this one.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled answer.

    Attributes:
        part: The set and its part, e.g. `SummEdits news`: what is left out as a whole.
        source: Rows of one source share their context: they are drawn together.
        model: Who wrote the answer.
    """

    part: str
    source: str
    model: str
    prompt: str
    context: str
    answer: str
    supported: bool


@dataclass(frozen=True, slots=True)
class Set:
    """A public set.

    Attributes:
        task: What kind of answers: data-to-text, summary, dialogue, question, claim.
        folder: Name of the repository's clone.
        owner: Whose repository it is.
        licence: As its repository states it.
        revision: The commit that was read.
        trains: False where the coefficients must not learn from it; `why_not` says why.
    """

    name: str
    task: str
    folder: str
    owner: str
    licence: str
    revision: str
    read: Callable[[Path], Iterator[Row]]
    trains: bool = True
    why_not: str = ""


def _quintd(folder: Path) -> Iterator[Row]:
    """Texts of four open models about JSON data; a span that is incorrect or cannot be checked is no support."""
    base = folder / "data" / "quintd-1"
    written = {
        (file.parent.parent.name, file.stem, at): text
        for file in sorted(base.glob("outputs/test/*/default/*.json"))
        for at, text in enumerate(_json(file)["generated"])
    }
    for file in sorted(base.glob("annotations/human/*.jsonl")):
        for note in _lines(file):
            key = note["dataset"], note["model"], note["table_idx"]
            text = written[key]
            instruction, _, rest = text["in"].partition("```\n")
            data, _, task = rest.partition("\n```")
            wrong = any(span["type"] in (0, 1) for span in note["annotations"])
            yield Row(
                f"quintd {key[0]}", f"{key[0]} {key[2]}", key[1], instruction + task, data, text["out"], not wrong
            )


def _begin(folder: Path) -> Iterator[Row]:
    """Replies of dialogue systems to a message, with one sentence of knowledge. Generic replies are left out."""
    for file in sorted(folder.glob("*/begin_*.tsv")):
        part = file.stem.split("_")[2]
        for row in _table(file, "\t"):
            if row["begin_label"] != "Generic":
                yield Row(
                    f"BEGIN {part}", row["knowledge"], row["model_name"], row["message"], row["knowledge"],
                    row["response"], row["begin_label"] == "Fully attributable",
                )  # fmt: skip


def _faithdial(folder: Path) -> Iterator[Row]:
    """The audit of replies by people and by three dialogue systems. Generic replies are left out."""
    for file in sorted(folder.glob("data-audit/*/*.csv")):
        for row in _table(file):
            label = (row.get("begin_label") or row.get("BEGIN") or "").lower()
            model = file.parent.name
            answer = row.get("response") or row.get(model.lower()) or ""
            knowledge = row.get("knowledge") or row.get("evidence") or ""
            if "halluc" in label or "entail" in label:
                yield Row("FaithDial audit", knowledge, model, row["history"], knowledge, answer, "halluc" not in label)


def _summedits(folder: Path) -> Iterator[Row]:
    """Summaries by a model and small edits of them, which experts called consistent or not."""
    for file in sorted(folder.glob("data/summedits/*.json")):
        part = file.stem.removeprefix("summedits_")
        for row in _json(file):
            yield Row(
                f"SummEdits {part}", row["doc"][:300], "", "Summarize the document.", row["doc"], row["summary"],
                row["label"] == 1,
            )  # fmt: skip


def _qags(folder: Path) -> Iterator[Row]:
    """Summaries of news; unsupported if the majority of three people says so of one sentence."""
    for file in sorted(folder.glob("data/mturk_*.jsonl")):
        for row in _lines(file):
            votes = [
                [vote["response"] == "yes" for vote in sentence["responses"]] for sentence in row["summary_sentences"]
            ]
            yield Row(
                f"QAGS {file.stem.removeprefix('mturk_')}", row["article"][:300], "", "Summarize the article.",
                row["article"], " ".join(sentence["sentence"] for sentence in row["summary_sentences"]),
                all(sum(sentence) * 2 > len(sentence) for sentence in votes),
            )  # fmt: skip


def _wice(folder: Path) -> Iterator[Row]:
    """Claims of an encyclopedia and the web page that they cite; partly supported counts as unsupported."""
    for file in sorted(folder.glob("data/entailment_retrieval/claim/*.jsonl")):
        for row in _lines(file):
            evidence = "\n".join(row["evidence"])
            yield Row("WiCE", evidence[:300], "people", "", evidence, row["claim"], row["label"] == "supported")


def _entfa(folder: Path) -> Iterator[Row]:
    """One-sentence summaries of news; unsupported if one name or number in it is not from the article."""
    for name in ("train", "test"):
        for row in _json(folder / "data" / f"{name}.json"):
            labels = [entity["label"] for entity in row["entities"]]
            if labels:
                yield Row(
                    "EntFA", row["source"][:300], "BART", "Summarize the article.", row["source"], row["prediction"],
                    all(label == "Non-hallucinated" for label in labels),
                )  # fmt: skip


def _diasumfact(folder: Path) -> Iterator[Row]:
    """Summaries of meetings and chats; unsupported if one sentence has an error of any kind."""
    for source, row in _json(folder / "annotations.json").items():
        for model, told in row["annotations"].items():
            errors = [
                error["error_class"] for sentence in told["sentence_annotations"] for error in sentence["annotation"]
            ]
            yield Row(
                f"DiaSumFact {row['dataset_name']}", source, model, row.get("query") or "Summarize the dialogue.",
                "\n".join(row["utterances"]), told["model_prediction"], all(error == "No Error" for error in errors),
            )  # fmt: skip


def _faceval(folder: Path) -> Iterator[Row]:
    """Summaries of chats by four models and a person."""
    for row in _table(folder / "human_result" / "FacEval_human_result.csv"):
        yield Row(
            "FacEval", row["DocID"], row["Model"], "Summarize the dialogue.", row["Dialogue"], row["Summary"],
            row["w/ Error"] == "no",
        )  # fmt: skip


def _q2(folder: Path) -> Iterator[Row]:
    """Replies of two dialogue systems."""
    for row in _table(folder / "third_party" / "data" / "cross_annotation.csv"):
        for model in ("dodeca", "memnet"):
            yield Row(
                "Q2", row["knowledge"], model, row["message"], row["knowledge"], row[f"{model}_response"],
                row[f"{model}_label"] == "0",
            )  # fmt: skip


def _mtrag(folder: Path) -> Iterator[Row]:
    """Answers to questions of a conversation over passages; unsupported below "mostly yes" of the median person."""
    data = _json(folder / "mtrag-human" / "evaluations" / "reference_subset_with_human_evaluations.json")
    texts = {document["document_id"]: document["text"] for document in data["documents"]}
    tasks = {task["task_id"]: task for task in data["tasks"]}
    for row in data["evaluations"]:
        task = tasks[row["task_id"]]
        passages = [texts[passage["document_id"]] for passage in task["contexts"]]
        grades = sorted(int(vote["value"]) for vote in row["annotations"]["faithfulness"].values())
        if passages:
            yield Row(
                "MTRAG", row["task_id"], row["model_id"], "\n".join(turn["text"] for turn in task["input"]),
                "\n\n".join(passages), row["model_response"], grades[len(grades) // 2] >= 4,
            )  # fmt: skip


def _bamboo(folder: Path) -> Iterator[Row]:
    """Statements about a paper of 4,000 tokens, half of them made wrong by ChatGPT."""
    for name in ("abshallu", "senhallu"):
        for row in _lines(folder / "datasets" / f"{name}_4k.jsonl"):
            yield Row(
                f"BAMBOO {name}", row["title"], "ChatGPT", "", row["content"], row["hypothesis"], bool(row["answer"])
            )


def _dialfact(folder: Path) -> Iterator[Row]:
    """Replies and their evidence, from an encyclopedia."""
    for row in _lines(folder / "scripts" / "testsmall.jsonl"):
        evidence = "\n".join(piece[2] for piece in row["evidence_list"])
        if evidence:
            message = (row["context"] or [""])[-1]
            yield Row(
                "DialFact", row["context_id"], row["data_type"], message, evidence, row["response"],
                row["response_label"] == "SUPPORTS",
            )  # fmt: skip


def _halueval(folder: Path) -> Iterator[Row]:
    """Right answers to questions, and wrong ones that ChatGPT was asked to write."""
    for row in _lines(folder / "generation" / "qa" / "qa_one-turn_data.json"):
        for kind, supported in (("right_answer", True), ("hallucinated_answer", False)):
            yield Row("HaluEval QA", row["question"], kind, row["question"], row["knowledge"], row[kind], supported)


SETS = (
    Set("quintd", "data-to-text", "quintd", "kasnerz", "MIT", "7ae723255635 of 2024-09-25", _quintd),
    Set(
        "BEGIN",
        "dialogue",
        "BEGIN-dataset",
        "google",
        "CC-BY-4.0; topicalchat CDLA-Sharing-1.0",
        "6e65f0d5a1ed of 2022-05-27",
        _begin,
    ),
    Set("FaithDial", "dialogue", "FaithDial", "McGill-NLP", "MIT", "25671c6e3aa7 of 2023-02-04", _faithdial),
    Set("Q2", "dialogue", "q-squared", "orhonovich", "Apache-2.0", "cab6027dc9a5 of 2021-09-05", _q2),
    Set("DialFact", "dialogue", "DialFact", "salesforce", "BSD-3-Clause", "d400b250147e of 2022-03-13", _dialfact),
    Set("SummEdits", "summary", "factualNLG", "salesforce", "Apache-2.0", "0da1dfa62c78 of 2024-04-10", _summedits),
    Set("QAGS", "summary", "qags", "W4ngatang", "none stated", "47798e9b6334 of 2022-11-27", _qags),
    Set("EntFA", "summary", "EntFA", "mcao516", "none stated", "e6f857ddf0ba of 2022-11-06", _entfa),
    Set("DiaSumFact", "summary", "Dia-Sum-Fact", "731935354", "MIT", "fdec07df7ed2 of 2024-04-04", _diasumfact),
    Set("FacEval", "summary", "FacEval", "BinWang28", "MIT", "548f7591836b of 2022-12-17", _faceval),
    Set("WiCE", "claim", "wice", "ryokamoi", "ODC-BY (annotations)", "ddeb6c183665 of 2023-12-14", _wice),
    Set("BAMBOO", "claim", "BAMBOO", "RUCAIBox", "MIT", "f230f2061483 of 2024-03-25", _bamboo),
    Set("MTRAG", "question", "mt-rag-benchmark", "IBM", "Apache-2.0", "cc5b1d481b39 of 2026-07-13", _mtrag),
    Set(
        "HaluEval QA",
        "question",
        "HaluEval",
        "RUCAIBox",
        "MIT",
        "b7253db3cdaa of 2024-02-12",
        _halueval,
        False,
        "right answers are short scraps",
    ),
)


def read_all(data: Path) -> Iterator[tuple[Set, list[Row]]]:
    """Yield every set that is in the folder, with its rows that have a context and an answer."""
    for one in SETS:
        if (data / one.folder).is_dir():
            yield one, [row for row in one.read(data / one.folder) if row.context.strip() and row.answer.strip()]


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _lines(file: Path) -> Iterator[Any]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _table(file: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines, delimiter=delimiter)
