"""The judge's questions as configured."""

import difflib

from anchorwatch.errors import ConfigError
from anchorwatch.settings import Settings
from evaluators import Review, Rubric, all_rubrics


def make_review(settings: Settings) -> Review:
    """Return all configured rubrics as one question a row.

    Raises:
        ConfigError: A rubric is not there, or two score the same evaluator.
    """
    return review_of(settings, [find_rubric(name, "judge.rubrics") for name in settings.judge.rubrics])


def review_of(settings: Settings, rubrics: list[Rubric]) -> Review:
    """Return some rubrics as one question a row."""
    try:
        return Review(
            rubrics,
            max_context_chars=settings.judge.max_context_chars,
            # Recorded verdicts quote the texts as they are, and nothing leaves.
            redact=settings.privacy.redact_before_judge and not settings.judge.is_recorded,
        )
    except ValueError as error:
        raise ConfigError(f"judge.rubrics: {error}") from None


def find_rubric(name: str, key: str) -> Rubric:
    """Return a rubric by its name.

    Raises:
        ConfigError: There is none of that name; `key` says who asked.
    """
    rubrics = all_rubrics()
    if name not in rubrics:
        close = difflib.get_close_matches(name, rubrics, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise ConfigError(f"{key}: no rubric '{name}'; {hint}there are {', '.join(sorted(rubrics))}")
    if rubrics[name].kind == "pairwise" and key == "judge.rubrics":
        raise ConfigError(
            f"{key}: '{name}' compares two answers, which a log does not have; use `anchorwatch evaluate`"
        )
    return rubrics[name]


def main_evaluator(review: Review) -> str:
    """Return the evaluator whose score decides whether a row counts as judged."""
    names = [name for name, _ in review.evaluators]
    return "quality" if "quality" in names else names[0]
