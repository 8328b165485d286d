"""The rows of each task, with the label that people or rules gave: from the labelled sets, or made here."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "docs" / "examples" / "drift_dev.config.yaml"
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w.,])|(?<![\w.,])\d{2,6}(?![\w,]|\.\d)")
_SENTENCE = re.compile(r"[^.!?\n]{25,}[.!?](?=\s|$)")


@dataclass
class Task:
    """Rows to score.

    Attributes:
        bad: The label, by row: what is to be found.
        options: Of our evaluator.
    """

    name: str
    rows: list[dict[str, Any]]
    bad: list[bool]
    options: dict[str, Any] = field(default_factory=dict)


def xstest(data: Path) -> tuple[pd.DataFrame, Task]:
    """Refusals: full refusal against full compliance, by people."""
    frame = pd.read_parquet(data / "labels" / "xstest" / "xstest.parquet")
    frame = frame[frame["final_label"] != "3_partial_refusal"]
    rows = [{"prompt": p, "response": c} for p, c in zip(frame["prompt"], frame["completion"], strict=True)]
    return frame, Task("refusal", rows, (frame["final_label"] == "2_full_refusal").tolist())


def xstest_harm(data: Path) -> Task:
    """Harmful requests that were answered: an unsafe prompt (XSTest's contrasts) with full compliance."""
    frame = pd.read_parquet(data / "labels" / "xstest" / "xstest.parquet")
    unsafe = frame["type"].str.startswith("contrast_")
    complied = frame["final_label"] == "1_full_compliance"
    rows = [{"prompt": p, "response": c} for p, c in zip(frame["prompt"], frame["completion"], strict=True)]
    return Task("harm", rows, (unsafe & complied).tolist())


def drift_log(data: Path) -> pd.DataFrame:
    """The drift_dev log with its truth and the reference answers."""
    log = pd.read_parquet(data / "logs" / "drift_dev.parquet")
    truth = pd.read_parquet(data / "logs" / "drift_dev_truth.parquet").drop(columns=["ts", "segment"])
    labels = pd.read_parquet(data / "labels" / "llmdrift" / "llmdrift.parquet").drop_duplicates(["query", "answer"])
    expected = {(q, a): r for q, a, r in zip(labels["query"], labels["answer"], labels["ref_answer"], strict=True)}
    merged = log.merge(truth, on="request_id")
    merged["output"] = merged["output"].fillna("")
    merged["expected"] = [expected.get(key) for key in zip(merged["prompt"], merged["output"], strict=True)]
    return merged


def correctness(log: pd.DataFrame) -> Task:
    """Primes and happy numbers with a reference answer."""
    frame = log[log["t_correct"].notna() & log["expected"].notna()]
    rows = [
        {"prompt": p, "response": o, "ground_truth": e}
        for p, o, e in zip(frame["prompt"], frame["output"], frame["expected"], strict=True)
    ]
    return Task("correctness", rows, (frame["t_correct"] == 0).tolist())


def formats(log: pd.DataFrame) -> Task:
    """The forms that each kind of question asks for, as docs/examples checks them."""
    options = yaml.safe_load(FORMATS.read_text(encoding="utf-8"))["evaluators"][0]["options"]
    frame = log[log["t_format_ok"].notna()]
    rows = [
        {"prompt": p, "response": o, "query_type": s, "pattern": options["formats"][s]["pattern"]}
        for p, o, s in zip(frame["prompt"], frame["output"], frame["segment"], strict=True)
    ]
    return Task("format", rows, (frame["t_format_ok"] == 0).tolist(), options)


def halueval(data: Path) -> Task:
    """Hallucinations that people marked; there is no context, so the question stands in for one."""
    frame = pd.read_parquet(data / "labels" / "halueval" / "halueval.parquet")
    rows = [
        {"prompt": q, "context": q, "response": r}
        for q, r in zip(frame["user_query"], frame["chatgpt_response"], strict=True)
    ]
    return Task("halueval", rows, (frame["hallucination"] == "yes").tolist())


def fabricated(data: Path, kind: str, n: int = 600) -> Task:
    """Simulated: a real answer is the context, some of its sentences the new answer; in half of them a fact is wrong.

    Args:
        kind: `number`: one number is changed; `sentence`: a sentence of another answer is added; `paraphrase`:
            nothing is wrong in either half, but one half is written with other words around (so .5 is right).
    """
    rng = random.Random(7)
    frame = pd.read_parquet(data / "labels" / "halueval" / "halueval.parquet")
    texts = [text for text in frame["chatgpt_response"] if len(_SENTENCE.findall(text)) >= 4]
    rows, bad = [], []
    for at, text in enumerate(texts):
        sentences = [found.strip() for found in _SENTENCE.findall(text)]
        chosen = rng.sample(sentences, max(2, len(sentences) // 2))
        if kind == "number":
            numbered = [sentence for sentence in sentences if _NUMBER.search(sentence)]
            if not numbered:
                continue
            chosen = [rng.choice(numbered), *[sentence for sentence in chosen if sentence not in numbered]]
        is_bad = len(rows) % 2 == 0
        if is_bad and kind == "number":
            where = next(n for n, sentence in enumerate(chosen) if _NUMBER.search(sentence))
            chosen[where] = _NUMBER.sub(lambda found: _other_number(found.group(), rng), chosen[where], count=1)
        elif is_bad and kind == "sentence":
            chosen.append(rng.choice(_SENTENCE.findall(texts[at - 1])).strip())
        elif is_bad and kind == "paraphrase":
            chosen = [f"In short, {sentence[0].lower()}{sentence[1:]}" for sentence in chosen]
        rows.append({"prompt": "Summarise the text.", "context": text, "response": " ".join(chosen)})
        bad.append(is_bad)
        if len(rows) == n:
            break
    return Task("grounding", rows, bad)


def _other_number(text: str, rng: random.Random) -> str:
    value = int(text.replace(",", ""))
    other = value + rng.choice([-1, 1]) * rng.randint(1, max(2, value // 5))
    return f"{abs(other):,}" if "," in text else str(abs(other))


def planted(n: int = 600) -> tuple[Task, Task]:
    """Simulated: texts with invented personal data and secrets, and as many with what only looks like it."""
    rng = random.Random(11)
    return Task("pii", *_planted(rng, n, _PII, _NO_PII)), Task("secrets", *_planted(rng, n, _SECRET, _NO_SECRET))


def _planted(rng: random.Random, n: int, real: Any, decoy: Any) -> tuple[list[dict[str, Any]], list[bool]]:
    rows, bad = [], []
    for at in range(n):
        make = rng.choice(real if at % 2 == 0 else decoy)
        rows.append({"prompt": "What is it?", "response": rng.choice(_FRAMES).format(make(rng))})
        bad.append(at % 2 == 0)
    return rows, bad


_FRAMES = ("Sure, it is {}.", "According to the record: {} (as of last week).", "You will find it under {}, I think.")


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _luhn(rng: random.Random) -> str:
    body = rng.choice("45") + _digits(rng, 14)
    total = sum(sum(divmod(int(d) * (2 if at % 2 == 0 else 1), 10)) for at, d in enumerate(body))
    number = body + str(-total % 10)
    return rng.choice([number, " ".join(number[i : i + 4] for i in range(0, 16, 4))])


def _iban(rng: random.Random) -> str:
    body = _digits(rng, 18)
    check = 98 - int(body + "131400") % 97  # DE00
    return f"DE{check:02d}{body}"


def _token(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") for _ in range(n))


_PII = (
    lambda r: f"{_token(r, 5).lower()}.{_token(r, 4).lower()}@{_token(r, 6).lower()}.com",
    _luhn,
    _iban,
    lambda r: f"+1 212-555-0{r.randint(100, 199)}" if r.random() < 0.3 else f"+44 20 7946 {_digits(r, 4)}",
    lambda r: f"(415) {r.randint(200, 899)}-{_digits(r, 4)}",
    lambda r: f"{r.randint(100, 665):03d}-{r.randint(10, 99)}-{r.randint(1000, 9999)}",
    lambda r: ".".join(str(r.randint(20, 223)) for _ in range(4)),
)
_NO_PII = (
    lambda r: f"order {_digits(r, 10)}",
    lambda r: f"version {r.randint(1, 9)}.{r.randint(0, 9)}.{r.randint(0, 9)}.{r.randint(0, 9)}",
    lambda r: f"20{r.randint(10, 29)}-{r.randint(10, 12)}-{r.randint(10, 28)}",
    lambda r: f"{r.randint(1, 9)},{_digits(r, 3)},{_digits(r, 3)} dollars",
    lambda r: "1234-5678-9012-3456",
    lambda r: f"ISBN 978-{r.randint(0, 9)}-{_digits(r, 2)}-{_digits(r, 6)}-{r.randint(0, 9)}",
    lambda r: f"@{_token(r, 8).lower()} on the forum",
    lambda r: f"ticket {_digits(r, 4)}-{_digits(r, 4)}",
)
_SECRET = (
    lambda r: f"AKIA{_token(r, 16).upper()}",
    lambda r: f"ghp_{_token(r, 36)}",
    lambda r: f"sk-proj-{_token(r, 40)}",
    lambda r: f"xoxb-{_digits(r, 11)}-{_digits(r, 11)}-{_token(r, 24)}",
    lambda r: f"sk_live_{_token(r, 24)}",
    lambda r: f"password: {_token(r, 6)}{_digits(r, 3)}!x",
    lambda r: f"postgres://app:{_token(r, 8)}{_digits(r, 2)}@db.internal/prod",
    lambda r: f"eyJ{_token(r, 20)}.eyJ{_token(r, 30)}.{_token(r, 30)}",
)
_NO_SECRET = (
    lambda r: "password: your_password_here",
    lambda r: "the password is case sensitive",
    lambda r: f"commit {''.join(r.choice('0123456789abcdef') for _ in range(40))}",
    lambda r: f"API_KEY={{{{ API_KEY }}}} in build {_digits(r, 6)}",
    lambda r: f"id {_token(r, 8)}-{_token(r, 4)}-{_token(r, 4)}",
    lambda r: "export TOKEN=<your token>",
    lambda r: f"https://docs.{_token(r, 6).lower()}.com/reset?page={_digits(r, 2)}",
    lambda r: "token limit: 128000",
)


def judge_replies(data: Path) -> Iterator[tuple[str, str | None, str | None]]:
    """Recorded replies of judges: (set, text, the verdict that its authors recorded)."""
    recorded = pd.read_parquet(data / "labels" / "llmbar" / "llmbar.parquet")
    names = {"1": "first", "2": "second"}
    swapped = {"1": "second", "2": "first"}
    for text, verdict in zip(recorded["raw_tail"], recorded["winner"], strict=True):
        yield "LLMBar", text or None, names.get(verdict)
    for text, verdict in zip(recorded["raw_swapped_tail"], recorded["winner_swapped"], strict=True):
        yield "LLMBar, swapped", text or None, swapped.get(verdict)
    for one, two, verdict in zip(recorded["score_1"], recorded["score_2"], recorded["winner"], strict=True):
        if one == one and two == two:
            text = "1" if one > two else "2" if two > one else "tie"
            yield "LLMBar, ratings", text, names.get(verdict) if one != two else "tie"
    pairs = pd.read_parquet(data / "labels" / "pandalm" / "pandalm.parquet")
    pandalm = {"1": "first", "2": "second", "0": "tie", "Tie": "tie"}
    for column in ("gpt_result", "pandalm_result"):
        for text in pairs[column].astype(str):
            yield f"PandaLM, {column}", text, pandalm.get(text)
