"""What people's labels say about a judged mean of one day.

The day's mean is what is wanted, and the labels are mostly of other days. So they tell only how the judge is wrong:
by how much for scores (`difference`), with which sensitivity and specificity for pass and fail (`rogan_gladen`).
Neither is carried over from labels of before a change of the judge, as far as the labels (`judge_shift`) or the
anchors show one.
"""

from dataclasses import replace
from datetime import date

import numpy as np

from anchorwatch.metrics.difference import difference
from anchorwatch.metrics.judge_shift import change_day
from anchorwatch.metrics.labelled import MIN_LABELS, Corrected, Judged, Labelled, withheld
from anchorwatch.metrics.rogan_gladen import rogan_gladen


def correct(judged: Judged, labels: Labelled, *, is_rate: bool, judge_since: date | None = None) -> Corrected:
    """Correct the judged mean of a day by the judge's error on labelled rows.

    Args:
        is_rate: Use sensitivity and specificity where both, people and judge, say 0 or 1.
        judge_since: The anchors say that the judge is another one from this day on: older labels do not count.

    Returns:
        The corrected mean, or why it is withheld: fewer than 20 labels, fewer than 5 of either kind, too few since the
        judge changed, or a day with a single judged row.
    """
    if labels.n < MIN_LABELS:
        return withheld(labels.n, f"not enough labels ({labels.n})")
    if judged.variance is None:
        return withheld(labels.n, f"not enough judged rows ({judged.n})")
    is_rate = is_rate and labels.is_binary
    since, why = judge_since, "the judge's anchors changed"
    recent = labels if since is None else labels.where(labels.day >= since.toordinal())
    while recent.n >= MIN_LABELS and (day := change_day(recent, is_rate=is_rate)) is not None:
        since, why = date.fromordinal(day), "the judge's error changed among the labels"
        recent = recent.where(recent.day >= day)
    if recent.n < MIN_LABELS:
        return withheld(labels.n, f"not enough labels since {since}, when {why} ({recent.n} of {labels.n})")
    found = rogan_gladen(judged, recent) if is_rate else difference(judged, recent)
    if since is None:
        return found
    return replace(
        found,
        correction=f"{found.correction} since {since}, when {why}",
        status=found.status if found.status == "withheld" else "recent_labels",
    )


def at_mix(labels: Labelled, kinds: list[str], mix: dict[str, float]) -> Labelled:
    """Weigh labelled rows so that kinds of rows have the shares that they have on the day (post-stratification).

    Saerndal, Swensson & Wretman 1992, 7.6. Kinds with fewer than 20 labels count as one, and as the largest one where
    they are fewer than 20 together.

    Args:
        kinds: Of each labelled row, e.g. its query type.
        mix: Kind -> its weight in the day's judged rows, in any unit.
    """
    names = np.array(kinds, dtype=object)
    counts = {name: int((names == name).sum()) for name in {*kinds}}
    large = sorted(name for name, n in counts.items() if n >= MIN_LABELS and mix.get(name, 0.0) > 0)
    if not large:
        return labels
    cells = np.array([large.index(name) if name in large else len(large) for name in kinds])
    wanted = np.array([*(mix[name] for name in large), sum(w for name, w in mix.items() if name not in large)])
    if (cells == len(large)).sum() < MIN_LABELS:
        largest = int(np.argmax(wanted[:-1]))
        cells[cells == len(large)] = largest
        wanted[largest] += wanted[-1]
        wanted = wanted[:-1]
    there = np.bincount(cells, weights=labels.weight, minlength=len(wanted))
    return replace(labels, weight=labels.weight * (wanted / there)[cells])
