"""How sure the evidence for a change is, in words: by how far it is beyond what the budget of false alarms asks for."""

STRONG, VERY_STRONG = 10.0, 1000.0
"""Evidence over what is needed. The threshold is a mean time between false alarms, so an alarm with ten times the
evidence comes about a tenth as often where nothing changed."""


def how_sure(evidence: float | None, needed: float | None) -> str | None:
    """Return words, and the number beside them; None for rules without evidence.

    >>> how_sure(4_743.0, 3_162.0)
    'enough (what the budget asks; 1.5 x needed)'
    >>> how_sure(2e8, 3_162.0)
    'very strong (far beyond what the budget asks; 6.3e+04 x needed)'
    >>> how_sure(100.0, 3_162.0)
    'weak (less than the budget asks; 0.032 x needed)'
    """
    if evidence is None or not needed:
        return None
    ratio = evidence / needed
    return f"{_word(ratio)}; {ratio:.2g} x needed)"


def _word(ratio: float) -> str:
    if ratio >= VERY_STRONG:
        return "very strong (far beyond what the budget asks"
    if ratio >= STRONG:
        return "strong (well beyond what the budget asks"
    if ratio >= 1:
        return "enough (what the budget asks"
    return "weak (less than the budget asks"
