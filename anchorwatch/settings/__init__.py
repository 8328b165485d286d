"""What the user decides: the configuration, validated, and where files live."""

from anchorwatch.settings.loader import beside_config, load_rule_file, load_rules, load_settings
from anchorwatch.settings.model import Settings
from anchorwatch.settings.paths import bundled, home
from anchorwatch.settings.rules import Rule, RuleBook

__all__ = [
    "Rule",
    "RuleBook",
    "Settings",
    "beside_config",
    "bundled",
    "home",
    "load_rule_file",
    "load_rules",
    "load_settings",
]
