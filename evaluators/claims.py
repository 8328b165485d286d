"""Claims and their evidence, as places in the interaction: a quote that nobody wrote is no evidence."""

from collections.abc import Sequence
from typing import Any

from rapidfuzz import fuzz

from evaluators.redaction import Redacted
from evaluators.verdicts import NoVerdict

_MIN_RATIO = 90.0
"""Similarity from which a quote counts as found: a judge may change a comma, not the words."""
_MIN_QUOTE_CHARS = 3
MAX_CLAIMS = 20


def read_claims(value: Any, response: Redacted, given: Sequence[Redacted]) -> dict[str, Any]:
    """Turn the judge's claims into places and counts, so that no logged text is kept.

    Returns:
        `unsupported`: places in the redacted response, since rows that differ in what was taken out share one
        answer; `unmatched`: claims that are not in the response; `unproven`:
        claims whose evidence is in nothing that the model was given; `supported`: all others.

    Raises:
        NoVerdict: The value is no list of claims.
    """
    if isinstance(value, dict) and isinstance(value.get("claims"), list):
        value = value["claims"]
    if not isinstance(value, list):
        raise NoVerdict("judge_wrong_value" if value is not None else "judge_left_it_out")
    found: dict[str, Any] = {"unsupported": [], "unmatched": 0, "unproven": 0, "supported": 0}
    for item in value[:MAX_CLAIMS]:
        claim, evidence = (item, None) if isinstance(item, str) else _quotes(item)
        if not claim.strip():
            continue
        place = find_quote(response.text, claim)
        if place is None:
            found["unmatched"] += 1
        elif evidence is None or not evidence.strip():
            found["unsupported"].append(list(place))
        elif any(find_quote(text.text, evidence) for text in given):
            found["supported"] += 1
        else:
            found["unproven"] += 1
    return found


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Find a quote in a text, by its letters or nearly so."""
    quote = quote.strip().strip("\"'\u201c\u201d").rstrip(".")
    if len(quote) < _MIN_QUOTE_CHARS:
        return None
    start = text.find(quote)
    if start >= 0:
        return start, start + len(quote)
    if len(quote) > len(text):
        return None
    near = fuzz.partial_ratio_alignment(quote.casefold(), text.casefold(), score_cutoff=_MIN_RATIO)
    # Casefolding may lengthen a text; a place beyond its end is none.
    return (
        (near.dest_start, min(near.dest_end, len(text))) if near is not None and near.dest_start < len(text) else None
    )


def _quotes(item: Any) -> tuple[str, str | None]:
    if not isinstance(item, dict) or not isinstance(item.get("claim"), str):
        raise NoVerdict("judge_wrong_value")
    evidence = item.get("evidence")
    if isinstance(evidence, str) and evidence.strip().casefold() in ("null", "none", "n/a", "unsupported"):
        evidence = None
    return item["claim"], evidence if isinstance(evidence, str) else None
