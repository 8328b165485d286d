"""Reads YAML into settings and turns every mistake into one line that names the key and the fix."""

import difflib
import os
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from anchorwatch.errors import ConfigError
from anchorwatch.settings.extensions import load_extensions
from anchorwatch.settings.mapping import Mapping
from anchorwatch.settings.model import Settings
from anchorwatch.settings.paths import bundled
from anchorwatch.settings.rules import RuleBook

_M = TypeVar("_M", bound=BaseModel)


def config_path(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the configuration file: the argument, `ANCHORWATCH_CONFIG`, or the shipped one."""
    chosen = path or os.environ.get("ANCHORWATCH_CONFIG")
    return Path(chosen) if chosen else bundled("config") / "anchorwatch.yaml"


def load_settings(path: str | os.PathLike[str] | None = None) -> Settings:
    """Read and validate the configuration, and load the extensions beside it.

    Raises:
        ConfigError: The file is missing, is not YAML, or a key is unknown, missing or out of range; or an
            extension cannot be loaded.
    """
    file = config_path(path)
    settings = read_model(file, Settings)
    load_extensions(confined(file.parent, settings.extensions, "extensions"))
    return settings


def confined(folder: Path, name: str, key: str) -> Path:
    """Return the path of a file that the configuration names, which has to lie beside it.

    Raises:
        ConfigError: It leads out of the configuration's folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ConfigError(f"{key}: '{name}' leads out of {folder}; what the configuration names lies beside it")
    return path


def beside_config(name: str, key: str) -> Path:
    """Return the path of a file that the configuration names under a key, relative to the configuration file.

    Raises:
        ConfigError: It leads out of the configuration's folder.
    """
    return confined(config_path().parent, name, key)


def load_rules(settings: Settings, config: str | os.PathLike[str] | None = None) -> RuleBook:
    """Read the rule file named in the settings, relative to the configuration file.

    Raises:
        ConfigError: As `load_settings`; also for a rule on a metric or segment that is not there.
    """
    beside = confined(config_path(config).parent, settings.rules, "rules")
    return read_model(beside if beside.exists() else confined(bundled("config"), settings.rules, "rules"), RuleBook)


def load_rule_file(path: Path | None) -> RuleBook:
    """Read a rule file; the shipped one without a path.

    Raises:
        ConfigError: The file is missing or not valid.
    """
    if path is not None and not path.exists():
        raise ConfigError(f"{path}: there is no such rule file; the shipped one is {bundled('config') / 'rules.yaml'}")
    return read_model(path or bundled("config") / "rules.yaml", RuleBook)


def load_mapping(path: str | os.PathLike[str]) -> Mapping:
    """Read a column mapping for `anchorwatch load`.

    Raises:
        ConfigError: As `load_settings`.
    """
    return read_model(Path(path), Mapping)


def read_model(path: Path, model: type[_M]) -> _M:
    """Parse one YAML file into a model, or raise a `ConfigError` that names file and key."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; set ANCHORWATCH_CONFIG or pass --config") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    try:
        return model.model_validate(data if data is not None else {})
    except ValidationError as error:
        raise ConfigError(f"{path}: " + "; ".join(_explain(model, problem) for problem in error.errors())) from None


def _explain(model: type[BaseModel], problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "(top level)"
    if problem["type"] == "missing" and problem["loc"] == ("logging_policy",):
        return (
            "logging_policy is required and has no default: say how rows reach the log, as "
            "`complete`, `{sampled: 0.1, errors: 1, flagged: 1}`, or `column` (log_probability)"
        )
    if problem["type"] == "extra_forbidden":
        return _unknown_key(model, problem["loc"], where)
    return f"{where}: {problem['msg']}"


def _unknown_key(model: type[BaseModel], loc: tuple[Any, ...], where: str) -> str:
    keys = _keys_at(model, loc[:-1])
    close = difflib.get_close_matches(str(loc[-1]), keys, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    there = f"there are {', '.join(sorted(keys))}" if keys else "remove it"
    return f"{where}: unknown key; {hint}{there}"


def _keys_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in loc:
        fields = getattr(current, "model_fields", {})
        if isinstance(part, str) and part in fields:
            current = _model_in(fields[part].annotation)
        elif isinstance(part, str) and current is not None and part == getattr(current, "__name__", ""):
            continue
    return list(getattr(current, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
