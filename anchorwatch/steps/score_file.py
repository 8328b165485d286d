"""Scores a JSONL file with the same evaluators and judge as the night, without a warehouse.

The output is appended while the run goes on, so a killed run is resumed by calling it again: whatever has a
line is not asked again, and neither is a row with the same content as one that has.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client import JudgeEndpoint, OpenAIJudge, ask_all
from anchorwatch.scoring.checks import Check, score_safely
from anchorwatch.scoring.epochs import check_identity
from anchorwatch.scoring.judging import pace
from anchorwatch.scoring.reviews import review_of
from anchorwatch.settings import Settings
from anchorwatch.steps.file_desk import FileDesk, FileReview, FileTotals, write_score
from anchorwatch.steps.file_rows import FileRow, read_rows
from anchorwatch.steps.score_lines import ScoreLines
from evaluators import (
    ORDERS,
    EvaluatorFn,
    PairReview,
    Rubric,
    Score,
    UnknownEvaluator,
    all_rubrics,
    combine_orders,
    get_evaluator,
)


class FileScorer:
    """Scores one file.

    Attributes:
        evaluators: What is scored: a rubric's name stands for all evaluators that it scores.
    """

    def __init__(self, settings: Settings, names: list[str], output: Path) -> None:
        """Take evaluators and rubrics by name.

        Raises:
            ConfigError: One is unknown.
        """
        self._settings = settings
        chosen = {name: _rubric_of(name) for name in dict.fromkeys(names)}
        rubrics = list(dict.fromkeys(rubric.name for rubric in chosen.values() if rubric is not None))
        self._pairs = [all_rubrics()[name] for name in rubrics if all_rubrics()[name].kind == "pairwise"]
        together = [all_rubrics()[name] for name in rubrics if all_rubrics()[name].kind != "pairwise"]
        wanted = [n for name, rubric in chosen.items() if rubric is not None for n in _evaluators_of(name, rubric)]
        self._checks = [_check(settings, name) for name, rubric in chosen.items() if rubric is None]
        self._reviews: list[tuple[FileReview, list[str]]] = []
        if together:
            self._reviews.append((review_of(settings, together), wanted))
        for rubric in self._pairs:
            for order in ORDERS:
                pair = PairReview(rubric, order, redact=settings.privacy.redact_before_judge)
                self._reviews.append((pair, [pair.evaluators[0][0]]))
        self.evaluators = [identity.name for identity, _ in self._checks] + wanted
        self._output = output
        self.totals = FileTotals()

    @property
    def needs_judge(self) -> bool:
        """Whether any of the evaluators asks the judge."""
        return bool(self._reviews)

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
            rows: Iterable[FileRow] = self._checked(read_rows(source), lines)
            shown = progress
            for review, wanted in self._reviews:
                desk = FileDesk(self._settings, review, wanted, lines, self.totals, shown)
                desk.rows = iter(rows)
                if endpoint is not None:
                    client = OpenAIJudge(judge, endpoint, pace(judge))
                    ask_all(
                        client, desk, concurrency=judge.concurrency, reasks=judge.reasks, has_answers=desk.has_answers
                    )
                rows, shown = read_rows(source), lambda more: None
            if not self._reviews:
                for _ in rows:
                    progress(1)
            for rubric in self._pairs:
                self._combine(rubric, lines, read_rows(source))
        self.totals.seconds = round(time.monotonic() - started, 3)
        self.totals.rows_per_second = round(self.totals.rows / max(self.totals.seconds, 1e-9), 1)
        self.totals.cost_usd = self._cost()

    def _checked(self, rows: Iterable[FileRow], lines: ScoreLines) -> Iterator[FileRow]:
        """Yield the rows once the deterministic evaluators have scored them."""
        for row in rows:
            self.totals.rows += 1
            for identity, function in self._checks:
                if not lines.has(row.number, identity.name):
                    score = _score(function, row)
                    write_score(lines, self.totals, row, identity.name, identity.version, score, None, None)
            yield row

    def _combine(self, rubric: Rubric, lines: ScoreLines, rows: Iterable[FileRow]) -> None:
        """Write the score that both orders of a pairwise rubric agree on."""
        orders = [lines.scores(f"{rubric.name}.{order}") for order in ORDERS]
        for row in rows:
            if not lines.has(row.number, rubric.name) and all(row.number in order for order in orders):
                score = combine_orders(*(order[row.number] for order in orders))
                model = self._settings.judge.model
                write_score(lines, self.totals, row, rubric.name, rubric.version, score, model, None)

    def _cost(self) -> float | None:
        price = self._settings.price_table.get(self._settings.judge.model)
        if price is None:
            return None if self._reviews else 0.0
        return price.usd(self.totals.input_tokens, self.totals.output_tokens, self.totals.cached_input_tokens)


def _rubric_of(name: str) -> Rubric | None:
    """Return the rubric that is called so, or scores an evaluator that is; None for a deterministic evaluator."""
    rubrics = all_rubrics()
    return rubrics.get(name) or next((rubric for rubric in rubrics.values() if name in rubric.scores), None)


def _evaluators_of(name: str, rubric: Rubric) -> list[str]:
    if rubric.kind == "pairwise":
        return []
    return list(rubric.scores) if name == rubric.name else [name]


def _check(settings: Settings, name: str) -> Check:
    options = next((chosen.options for chosen in settings.evaluators if chosen.name == name), {})
    try:
        registered, function = get_evaluator(name, **options)
    except UnknownEvaluator as error:
        raise ConfigError(f"--evaluators: {error}; and of the judge: {', '.join(sorted(all_rubrics()))}") from None
    return check_identity(registered.name, registered.version, options), function


def _score(function: EvaluatorFn, row: FileRow) -> Score:
    if row.interaction is None:
        return Score.unscored(row.problem or "unreadable")
    return score_safely(function, row.interaction)
