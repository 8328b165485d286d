"""Scores a JSONL file with the same evaluators and judge as the night, without a warehouse.

The output is appended while the run goes on, so a killed run is resumed by calling it again: whatever has a
line is not asked again.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client import JudgeEndpoint, OpenAIJudge, Outcome, Question, ask_all, cache_key
from anchorwatch.scoring.checks import Check, score_safely
from anchorwatch.scoring.interactions import passages
from anchorwatch.settings import Settings
from evaluators import AnswerReview, EvaluatorFn, Interaction, Score, UnknownEvaluator, get_evaluator

ROWS_AT_ONCE = 2000
RETRIED = frozenset({"judge_unavailable"})
"""Reasons for which a resumed run asks again."""

Done = set[tuple[int, str]]


@dataclass(slots=True)
class FileTotals:
    """What scoring a file took.

    Attributes:
        rows: Rows read; those scored by an earlier, killed run too.
        calls: Judge calls made by this run.
        cost_usd: None when `prices` has no price for the judge model.
        unscored: Reason -> scores that could not be made, in this run.
    """

    rows: int = 0
    scores: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    rows_per_second: float = 0.0
    unscored: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    request_id: str | None
    interaction: Interaction | None
    problem: str | None = None


class FileScorer:
    """Scores one file."""

    def __init__(self, settings: Settings, names: list[str], output: Path) -> None:
        """Take the evaluators by name; `quality` and `hallucination` are the judge's.

        Raises:
            ConfigError: An evaluator is unknown.
        """
        self._settings = settings
        self._review = AnswerReview(fence_key=settings.sampling.key)
        judged = dict(self._review.evaluators)
        self._judged = [name for name in names if name in judged]
        self._checks = [_check(settings, name) for name in names if name not in judged]
        self._output = output
        self.totals = FileTotals()

    @property
    def needs_judge(self) -> bool:
        """Whether any of the evaluators asks the judge."""
        return bool(self._judged)

    def run(
        self, source: Path, endpoint: JudgeEndpoint | None, progress: Callable[[int], None] = lambda rows: None
    ) -> None:
        """Score every row that has no line in the output yet.

        Raises:
            ConfigError: The input is missing, or the endpoint refuses key or model.
            TransientError: The judge does not answer; what it answered is in the output.
        """
        started = time.monotonic()
        done = _resume(self._output)
        with self._output.open("a", encoding="utf-8") as out:
            for chunk in _chunks(_read(source)):
                self.totals.rows += len(chunk)
                self._check_rows(chunk, done, out)
                if self._judged and endpoint is not None:
                    self._judge_rows(chunk, done, out, endpoint)
                progress(len(chunk))
        self.totals.seconds = round(time.monotonic() - started, 3)
        self.totals.rows_per_second = round(self.totals.rows / max(self.totals.seconds, 1e-9), 1)
        self.totals.cost_usd = self._cost()

    def _check_rows(self, rows: list[_Row], done: Done, out: IO[str]) -> None:
        for row in rows:
            for (name, version, _), function in self._checks:
                if (row.number, name) not in done:
                    self._write(out, row, name, version, _score(function, row), None)
        out.flush()

    def _judge_rows(self, rows: list[_Row], done: Done, out: IO[str], endpoint: JudgeEndpoint) -> None:
        waiting: dict[str, list[_Row]] = {}
        questions: dict[str, Question] = {}
        for row in rows:
            if all((row.number, name) in done for name in self._judged):
                continue
            problem = row.problem or self._unanswerable(row)
            if problem or row.interaction is None:
                self._write_judged(out, row, done, None, problem, None)
                continue
            request = self._review.request(row.interaction)
            key = cache_key(self._settings.judge, request)
            parse = partial(self._review.parse, interaction=row.interaction)
            questions.setdefault(key, Question(key, request, parse))
            waiting.setdefault(key, []).append(row)

        def save(outcomes: list[Outcome]) -> None:
            for outcome in outcomes:
                self._count(outcome)
                for row in waiting[outcome.key]:
                    self._write_judged(out, row, done, outcome.parsed, outcome.reason, outcome.model)
            out.flush()

        if questions:
            judge = self._settings.judge
            client = OpenAIJudge(judge, endpoint)
            ask_all(client, questions.values(), concurrency=judge.concurrency, reasks=judge.reasks, save=save)

    def _unanswerable(self, row: _Row) -> str | None:
        assert row.interaction is not None
        if not row.interaction.response:
            return "not_applicable: no_response"
        too_long = self._review.request(row.interaction).n_chars > self._settings.judge.max_input_chars
        return "input_too_long" if too_long else None

    def _write_judged(
        self, out: IO[str], row: _Row, done: Done, parsed: dict[str, Any] | None, reason: str | None, model: str | None
    ) -> None:
        scores = self._review.scores(parsed, row.interaction) if parsed is not None and row.interaction else {}
        versions = dict(self._review.evaluators)
        for name in self._judged:
            if (row.number, name) not in done:
                score = scores.get(name) or Score.unscored(reason or "judge_unavailable")
                self._write(out, row, name, versions[name], score, model or self._settings.judge.model)

    def _write(self, out: IO[str], row: _Row, name: str, version: str, score: Score, model: str | None) -> None:
        line = {
            "row_number": row.number,
            "request_id": row.request_id,
            "evaluator": name,
            "evaluator_version": version,
            "value": score.value,
            "label": score.label,
            "explanation": score.explanation,
            "spans": [asdict(span) for span in score.spans],
            "unscored_reason": score.unscored_reason,
            "judge_model": model,
        }
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.totals.scores += 1
        if score.unscored_reason:
            self.totals.unscored[score.unscored_reason] = self.totals.unscored.get(score.unscored_reason, 0) + 1

    def _count(self, outcome: Outcome) -> None:
        self.totals.calls += outcome.attempts
        self.totals.input_tokens += outcome.input_tokens
        self.totals.output_tokens += outcome.output_tokens

    def _cost(self) -> float | None:
        price = self._settings.prices.get(self._settings.judge.model)
        if price is None:
            return None if self._judged else 0.0
        paid_in = self.totals.input_tokens * price.input_usd_per_million_tokens
        return (paid_in + self.totals.output_tokens * price.output_usd_per_million_tokens) / 1e6


def _check(settings: Settings, name: str) -> Check:
    options = next((chosen.options for chosen in settings.evaluators if chosen.name == name), {})
    try:
        registered, function = get_evaluator(name, **options)
    except UnknownEvaluator as error:
        raise ConfigError(f"--evaluators: {error}; and of the judge: hallucination, quality") from None
    return (registered.name, registered.version, ""), function


def _score(function: EvaluatorFn, row: _Row) -> Score:
    if row.interaction is None:
        return Score.unscored(row.problem or "unreadable")
    return score_safely(function, row.interaction)


def _resume(output: Path) -> Done:
    """Return what has a line already; a half line, and scores that are worth another try, are dropped."""
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        return set()
    kept, done = [], set()
    for line in output.read_text(encoding="utf-8").splitlines():
        try:
            found = json.loads(line)
            key = (int(found["row_number"]), str(found["evaluator"]))
        except (ValueError, KeyError, TypeError):
            continue
        if found.get("unscored_reason") not in RETRIED and key not in done:
            kept.append(line)
            done.add(key)
    replacement = output.with_name(output.name + ".resumed")
    replacement.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    os.replace(replacement, output)
    return done


def _chunks(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, ROWS_AT_ONCE)):
        yield chunk


def _read(source: Path) -> Iterator[_Row]:
    if not source.is_file():
        raise ConfigError(f"{source}: there is no such file")
    with source.open("rb") as file:
        for number, line in enumerate((line for line in file if line.strip()), 1):
            yield _row(number, line)


def _row(number: int, line: bytes) -> _Row:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return _Row(number, None, None, "not_json")
    if not isinstance(data, dict) or not data.get("request_id"):
        return _Row(number, None, None, "no_request_id")
    request_id = str(data["request_id"])
    texts = {name: data.get(name) for name in ("prompt", "response", "ground_truth", "finish_reason", "query_type")}
    as_text = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in texts.items()
        if value is not None
    }
    context = data.get("context")
    interaction = Interaction(
        request_id=request_id,
        prompt=as_text.get("prompt", ""),
        response=as_text.get("response", ""),
        context=passages(context if isinstance(context, str) or context is None else json.dumps(context)),
        ground_truth=as_text.get("ground_truth"),
        finish_reason=as_text.get("finish_reason"),
        query_type=as_text.get("query_type"),
        status=str(data.get("status") or "ok"),
    )
    return _Row(number, request_id, interaction)
