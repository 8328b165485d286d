"""The errors a caller can act on, divided by what the caller does about them."""


class AnchorwatchError(Exception):
    """Base of every error meant for a person; its message says what, where, and what to do."""


class ConfigError(AnchorwatchError):
    """The configuration or an argument is wrong: fix it, a retry cannot help."""


class QualityGateFailed(AnchorwatchError):
    """The day's logs or results are not fit for use: the day stops, a retry cannot help."""


class TransientError(AnchorwatchError):
    """Something outside was unavailable (database, judge, channel): try again later."""
