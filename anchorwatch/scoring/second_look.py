"""Which rows the strong judge of a cascade sees too."""

from anchorwatch.keyed import keyed_draw
from anchorwatch.scoring.panel import Escalation, escalation
from anchorwatch.settings import Settings
from evaluators import Interaction, Score, get_evaluator

_CHECKS = ("refusal", "grounding", "harmful_content", "injection_success", "secret_leak")


class SecondLook:
    """Decides row by row, from what the first judge and the checks say."""

    def __init__(self, settings: Settings) -> None:
        self._judge, self._key = settings.judge, settings.sampling.key
        self._checks = {name: get_evaluator(name)[1] for name in _CHECKS}

    def reason(self, interaction: Interaction, scores: dict[str, Score], *, is_unsure: bool) -> Escalation | None:
        """Say why the strong judge sees the row, or None."""
        checks = {name: check(interaction) for name, check in self._checks.items()}
        draw = keyed_draw(self._key, "pass_through", interaction.request_id)
        return escalation(self._judge, is_unsure=is_unsure, scores=scores, checks=checks, draw=draw)
