"""Scores a JSONL file with the same evaluators and judge as the night, without a warehouse.

The output is appended while the run goes on, so a killed run is resumed by calling it again: whatever has a
line is not asked again, and neither is a row with the same content as one that has.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client import CHARS_PER_TOKEN, JudgeEndpoint, OpenAIJudge, Outcome, Question, ask_all, cache_key
from anchorwatch.scoring.checks import Check, score_safely
from anchorwatch.scoring.judging import answer_review, pace
from anchorwatch.settings import Settings
from anchorwatch.steps.file_rows import FileRow, read_rows
from anchorwatch.steps.score_lines import ScoreLines
from evaluators import EvaluatorFn, JudgeRequest, Score, UnknownEvaluator, get_evaluator

OUTPUT_TOKENS = 200.0


@dataclass(slots=True)
class FileTotals:
    """What scoring a file took.

    Attributes:
        rows: Rows read; those scored by an earlier, killed run too.
        calls: Judge calls made by this run.
        cost_usd: None when there is no price for the judge model.
        unscored: Reason -> scores that could not be made, in this run.
    """

    rows: int = 0
    scores: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    rows_per_second: float = 0.0
    unscored: dict[str, int] = field(default_factory=dict)


class FileScorer:
    """Scores one file."""

    def __init__(self, settings: Settings, names: list[str], output: Path) -> None:
        """Take the evaluators by name; `quality` and `hallucination` are the judge's.

        Raises:
            ConfigError: An evaluator is unknown.
        """
        self._settings = settings
        judged = dict(answer_review(settings).evaluators)
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
        judge = self._settings.judge
        with ScoreLines(self._output) as lines:
            desk = _FileDesk(self._settings, self._judged, lines, self.totals, progress)
            desk.rows = self._checked(read_rows(source), lines)
            if self._judged and endpoint is not None:
                client = OpenAIJudge(judge, endpoint, pace(judge))
                ask_all(client, desk, concurrency=judge.concurrency, reasks=judge.reasks)
            else:
                for _ in desk.rows:
                    progress(1)
        self.totals.seconds = round(time.monotonic() - started, 3)
        self.totals.rows_per_second = round(self.totals.rows / max(self.totals.seconds, 1e-9), 1)
        self.totals.cost_usd = self._cost()

    def _checked(self, rows: Iterable[FileRow], lines: ScoreLines) -> Iterator[FileRow]:
        """Yield the rows once the deterministic evaluators have scored them."""
        for row in rows:
            self.totals.rows += 1
            for (name, version, _), function in self._checks:
                if not lines.has(row.number, name):
                    _write(lines, self.totals, row, name, version, _score(function, row), None, None)
            yield row

    def _cost(self) -> float | None:
        price = self._settings.price_table.get(self._settings.judge.model)
        if price is None:
            return None if self._judged else 0.0
        return price.usd(self.totals.input_tokens, self.totals.output_tokens, self.totals.cached_input_tokens)


class _FileDesk:
    """Hands out the questions of a file's rows and writes a line for each outcome; see `judge_client.Desk`."""

    rows: Iterator[FileRow]

    def __init__(
        self,
        settings: Settings,
        judged: list[str],
        lines: ScoreLines,
        totals: FileTotals,
        progress: Callable[[int], None],
    ) -> None:
        self._settings, self._judged, self._lines = settings, judged, lines
        self._totals, self._progress = totals, progress
        self._review = answer_review(settings)
        self._versions = dict(self._review.evaluators)
        self._price = settings.price_table.get(settings.judge.model)
        self._asking: dict[str, list[FileRow]] = {}
        self._reserved_usd: dict[str, float] = {}
        self._spent_usd = 0.0

    def take(self, wanted: int) -> list[Question]:
        questions: list[Question] = []
        for row in self.rows:
            question = self._question(row)
            if question is None:
                self._progress(1)
            else:
                questions.append(question)
            if len(questions) >= wanted:
                break
        self._lines.flush()
        return questions

    def save(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._count(outcome)
            for row in self._asking.pop(outcome.key):
                self._write_outcome(row, outcome)
                self._progress(1)
        self._lines.flush()

    def renew(self) -> None:
        pass  # nobody else works on this file

    def _question(self, row: FileRow) -> Question | None:
        """Return the row's question, if it is one that nobody has asked; what can be written without it, is."""
        if not self._open(row):
            return None
        problem = _problem(row)
        if problem is not None or row.interaction is None:
            self._write_unscored(row, problem or "unreadable")
            return None
        request = self._review.request(row.interaction)
        key = cache_key(self._settings.judge, request)
        if key in self._asking:
            self._asking[key].append(row)
            return None
        self._write_again(row, self._lines.answers(key))
        if not self._open(row):
            return None
        if request.n_chars > self._settings.judge.max_input_chars:
            self._write_unscored(row, "input_too_long")
            return None
        if not self._affords(key, request):
            self._write_unscored(row, "over_budget: judge.max_usd_per_run")
            return None
        self._asking[key] = [row]
        return Question(key, request, partial(self._review.parse, interaction=row.interaction))

    def _affords(self, key: str, request: JudgeRequest) -> bool:
        ceiling = self._settings.judge.max_usd_per_run
        if ceiling is None or self._price is None:
            return True
        usd = self._price.usd(request.n_chars / CHARS_PER_TOKEN, OUTPUT_TOKENS)
        if self._spent_usd + sum(self._reserved_usd.values()) + usd > ceiling:
            return False
        self._reserved_usd[key] = usd
        return True

    def _count(self, outcome: Outcome) -> None:
        self._totals.calls += outcome.attempts
        self._totals.input_tokens += outcome.input_tokens
        self._totals.output_tokens += outcome.output_tokens
        self._totals.cached_input_tokens += outcome.cached_input_tokens
        self._reserved_usd.pop(outcome.key, None)
        if self._price is not None:
            self._spent_usd += self._price.usd(outcome.input_tokens, outcome.output_tokens, outcome.cached_input_tokens)

    def _write_outcome(self, row: FileRow, outcome: Outcome) -> None:
        assert row.interaction is not None
        scores = self._review.scores(outcome.parsed, row.interaction) if outcome.parsed is not None else {}
        for name in self._open(row):
            score = scores.get(name) or Score.unscored(outcome.reason or "judge_unavailable")
            model = outcome.model or self._settings.judge.model
            key = outcome.key if outcome.parsed is not None else None
            _write(self._lines, self._totals, row, name, self._versions[name], score, model, key)

    def _write_again(self, row: FileRow, twins: list[dict[str, Any]]) -> None:
        """Write the scores that a row of the same content got."""
        by_name = {twin["evaluator"]: twin for twin in twins}
        for name in self._open(row):
            if name in by_name:
                self._lines.write(by_name[name] | {"row_number": row.number, "request_id": row.request_id})
                self._totals.scores += 1

    def _write_unscored(self, row: FileRow, reason: str) -> None:
        for name in self._open(row):
            model = self._settings.judge.model
            _write(self._lines, self._totals, row, name, self._versions[name], Score.unscored(reason), model, None)

    def _open(self, row: FileRow) -> list[str]:
        return [name for name in self._judged if not self._lines.has(row.number, name)]


def _write(
    lines: ScoreLines,
    totals: FileTotals,
    row: FileRow,
    name: str,
    version: str,
    score: Score,
    model: str | None,
    key: str | None,
) -> None:
    lines.write(
        {
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
            "cache_key": key,
        }
    )
    totals.scores += 1
    if score.unscored_reason:
        totals.unscored[score.unscored_reason] = totals.unscored.get(score.unscored_reason, 0) + 1


def _problem(row: FileRow) -> str | None:
    """Say why the judge cannot be asked about a row."""
    if row.interaction is not None and row.problem is None and not row.interaction.response:
        return "not_applicable: no_response"
    return row.problem


def _check(settings: Settings, name: str) -> Check:
    options = next((chosen.options for chosen in settings.evaluators if chosen.name == name), {})
    try:
        registered, function = get_evaluator(name, **options)
    except UnknownEvaluator as error:
        raise ConfigError(f"--evaluators: {error}; and of the judge: hallucination, quality") from None
    return (registered.name, registered.version, ""), function


def _score(function: EvaluatorFn, row: FileRow) -> Score:
    if row.interaction is None:
        return Score.unscored(row.problem or "unreadable")
    return score_safely(function, row.interaction)
