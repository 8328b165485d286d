"""A file's rows on their way to the judge and back; see `judge_client.Desk`."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Protocol

from anchorwatch.judge_client import CHARS_PER_TOKEN, Outcome, Question, cache_key
from anchorwatch.settings import Settings
from anchorwatch.steps.file_rows import FileRow
from anchorwatch.steps.score_lines import ScoreLines
from evaluators import Interaction, JudgeRequest, Score

OUTPUT_TOKENS = 200.0


class FileReview(Protocol):
    """What asks about a row and reads the answer: all rubrics together, or a pairwise one in one order."""

    evaluators: tuple[tuple[str, str], ...]

    def missing(self, interaction: Interaction) -> str | None:
        """Say why a row cannot be asked about."""
        ...

    def request(self, interaction: Interaction) -> JudgeRequest:
        """Return the question."""
        ...

    def parse(self, text: str, interaction: Interaction, request: JudgeRequest | None = None) -> dict[str, Any]:
        """Return what is kept of the answer."""
        ...

    def scores(self, parsed: dict[str, Any], interaction: Interaction) -> dict[str, Score]:
        """Return the scores by evaluator."""
        ...


@dataclass(slots=True)
class FileTotals:
    """What scoring a file took.

    Attributes:
        rows: Rows read; those scored by an earlier, killed run too.
        calls: Judge calls made by this run.
        estimated: Questions whose usage the endpoint did not report: their tokens and cost are estimates.
        cost_usd: None when there is no price for the judge model.
        unscored: Reason -> scores that could not be made, in this run.
    """

    rows: int = 0
    scores: int = 0
    calls: int = 0
    estimated: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    rows_per_second: float = 0.0
    unscored: dict[str, int] = field(default_factory=dict)


class FileDesk:
    """Hands out the questions of a file's rows and writes a line for each outcome; see `judge_client.Desk`."""

    rows: Iterator[FileRow]

    def __init__(
        self,
        settings: Settings,
        review: FileReview,
        judged: list[str],
        lines: ScoreLines,
        totals: FileTotals,
        progress: Callable[[int], None],
    ) -> None:
        self._settings, self._judged, self._lines = settings, judged, lines
        self._totals, self._progress = totals, progress
        self._review = review
        self._versions = dict(self._review.evaluators)
        self._price = settings.price_table.get(settings.judge.model)
        self._asking: dict[str, list[FileRow]] = {}
        self._reserved_usd: dict[str, float] = {}
        self._spent_usd = 0.0

    def take(self, wanted: int) -> list[Question]:
        """See `judge_client.Desk`."""
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
        """See `judge_client.Desk`."""
        for outcome in outcomes:
            self._count(outcome)
            for row in self._asking.pop(outcome.key):
                self._write_outcome(row, outcome)
                self._progress(1)
        self._lines.flush()

    def has_answers(self) -> bool:
        """Tell whether an earlier run wrote verdicts of the judge."""
        return self._lines.has_verdicts

    def renew(self) -> None:
        """Do nothing: nobody else works on this file."""

    def _question(self, row: FileRow) -> Question | None:
        """Return the row's question, if it is one that nobody has asked; what can be written without it, is."""
        if not self._open(row):
            return None
        problem = self._problem(row)
        if problem is not None or row.interaction is None:
            self._write_unscored(row, problem or "unreadable")
            return None
        request = self._review.request(row.interaction)
        key = cache_key(self._settings.judge, request)
        if key in self._asking:
            self._asking[key].append(row)
            return None
        self._write_again(row, self._lines.answers(key), request)
        if not self._open(row):
            return None
        if request.n_chars > self._settings.judge.max_input_chars:
            self._write_unscored(row, "input_too_long")
            return None
        if not self._affords(key, request):
            self._write_unscored(row, "over_budget: judge.max_usd_per_run")
            return None
        self._asking[key] = [row]
        return Question(key, request, partial(self._review.parse, interaction=row.interaction, request=request))

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
        self._totals.estimated += outcome.is_estimated
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
            write_score(self._lines, self._totals, row, name, self._versions[name], score, model, key)

    def _write_again(self, row: FileRow, twins: list[dict[str, Any]], request: JudgeRequest) -> None:
        """Write the scores that a row of the same content got.

        Rows are the same if they differ in what was taken out alone; then the other one's places are not theirs.
        """
        by_name = {twin["evaluator"]: twin for twin in twins}
        own: dict[str, Any] = {"row_number": row.number, "request_id": row.request_id}
        if request.redacted and any(text.cuts for text in request.redacted["response"]):
            own["spans"] = []
        for name in self._open(row):
            if name in by_name:
                self._lines.write(by_name[name] | own)
                self._totals.scores += 1

    def _write_unscored(self, row: FileRow, reason: str) -> None:
        for name in self._open(row):
            model = self._settings.judge.model
            write_score(self._lines, self._totals, row, name, self._versions[name], Score.unscored(reason), model, None)

    def _problem(self, row: FileRow) -> str | None:
        """Say why the judge cannot be asked about a row."""
        if row.interaction is None or row.problem is not None:
            return row.problem
        if not row.interaction.response:
            return "not_applicable: no_response"
        return self._review.missing(row.interaction)

    def _open(self, row: FileRow) -> list[str]:
        return [name for name in self._judged if not self._lines.has(row.number, name)]


def write_score(
    lines: ScoreLines,
    totals: FileTotals,
    row: FileRow,
    name: str,
    version: str,
    score: Score,
    model: str | None,
    key: str | None,
) -> None:
    """Append a score's line and count it."""
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
