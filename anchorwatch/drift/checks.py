"""Do the rules fit the metrics and segments there are?"""

from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook, Settings


def check_rules(book: RuleBook, settings: Settings, metrics: set[str]) -> None:
    """Check every rule against the known metrics and the configured segments.

    Raises:
        ConfigError: A rule names a metric or a segment that does not exist.
    """
    segments = {"all", *(segment.name for segment in settings.segments)}
    for rule in book.rules:
        if rule.metric not in metrics:
            raise ConfigError(f"rule '{rule.id}': no metric '{rule.metric}'; there are {', '.join(sorted(metrics))}")
        if unknown := sorted(set(rule.segments) - segments):
            raise ConfigError(f"rule '{rule.id}': no segment '{unknown[0]}'; there are {', '.join(sorted(segments))}")
