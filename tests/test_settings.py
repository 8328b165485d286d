from pathlib import Path

import pytest
import yaml

from anchorwatch.drift.checks import check_rules
from anchorwatch.errors import ConfigError
from anchorwatch.scoring.checks import load_checks
from anchorwatch.settings import Settings, bundled, load_rules, load_settings
from anchorwatch.settings.loader import load_mapping
from anchorwatch.settings.metrics import METRICS


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "anchorwatch.yaml"
    path.write_text(text)
    return path


def test_shipped_configuration_states_every_default():
    shipped = yaml.safe_load((bundled("config") / "anchorwatch.yaml").read_text())
    loaded = Settings.model_validate({"logging_policy": "complete", **shipped})
    assert loaded == Settings(logging_policy="complete")
    assert set(shipped) | {"logging_policy"} == set(Settings.model_fields)


def test_shipped_configuration_asks_for_a_logging_policy():
    with pytest.raises(ConfigError, match=r"logging_policy is required and has no default"):
        load_settings(bundled("config") / "anchorwatch.yaml")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("loging_policy: complete", ["loging_policy", "logging_policy"], id="top-level"),
        pytest.param("warehouse: {ulr: x}", ["warehouse.ulr", "did you mean 'url'"], id="warehouse"),
        pytest.param("source: {tabel: x}", ["source.tabel", "did you mean 'table'"], id="source"),
        pytest.param("source: {columns: {model: {colum: x}}}", ["colum", "did you mean 'column'"], id="mapping"),
        pytest.param("logging_policy: {sampeld: 0.1}", ["sampled"], id="logging_policy"),
        pytest.param("segments: [{nmae: x}]", ["segments.0.nmae", "did you mean 'name'"], id="segments"),
        pytest.param("sampling: {flor: 3}", ["sampling.flor", "did you mean 'floor'"], id="sampling"),
        pytest.param("evaluators: [{naem: refusal}]", ["naem", "did you mean 'name'"], id="evaluators"),
        pytest.param("judge: {concurency: 3}", ["judge.concurency", "did you mean 'concurrency'"], id="judge"),
        pytest.param("prices: {m: {input: 1}}", ["input", "input_usd_per_million_tokens"], id="prices"),
        pytest.param("gate: {fail_unscored: 1}", ["gate.fail_unscored", "fail_unscored_rate"], id="gate"),
        pytest.param("alerts: {rotes: {}}", ["alerts.rotes", "did you mean 'routes'"], id="alerts"),
        pytest.param("alerts: {slack: {conection: x}}", ["conection", "did you mean 'connection'"], id="channel"),
        pytest.param(
            "alerts: {teams: [{owner: s, apps: [a], slack: {channel: C1}}]}", ["team 's': slack.connection"], id="team"
        ),
        pytest.param("privacy: {store: true}", ["privacy.store", "store_text"], id="privacy"),
        pytest.param("judge: {fraction: 2}", ["judge.fraction", "less than or equal to 1"], id="range"),
    ],
)
def test_a_typo_in_any_section_names_the_key_and_the_fix(tmp_path, text, names):
    body = text if "logging_policy" in text.partition(":")[0] else f"logging_policy: complete\n{text}"
    with pytest.raises(ConfigError) as error:
        load_settings(write(tmp_path, body))
    for name in names:
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "not valid YAML"), ("", "logging_policy is required"), ("[1, 2]", "valid dictionary")],
)
def test_a_file_that_is_no_configuration(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_settings(write(tmp_path, text))


def test_a_channel_that_is_off_needs_no_connection(tmp_path):
    team = "[{owner: s, apps: [a], pagerduty: {enabled: false}}]"
    text = f"logging_policy: complete\nalerts: {{slack: {{enabled: false}}, teams: {team}}}"
    alerts = load_settings(write(tmp_path, text)).alerts
    assert not alerts.slack.enabled
    assert not alerts.channel("pagerduty", "s").enabled
    assert alerts.switched_off("slack") == ["anchorwatch_slack"]
    assert alerts.switched_off("pagerduty") == []  # the default one is in use by the others


def test_yaml_cannot_run_code(tmp_path):
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_settings(write(tmp_path, "logging_policy: !!python/object/apply:os.system ['true']"))


def test_shipped_rules_fit_the_metrics_and_segments():
    settings = Settings(logging_policy="complete")
    book = load_rules(settings)
    check_rules(book, settings, set(METRICS))
    assert {"quality-page", "quality-ticket", "cost-rise", "p95-rise", "refusal-rate"} <= {r.id for r in book.rules}


def test_the_plain_thresholds_stay_available():
    settings = Settings(logging_policy="complete", rules="rules_essay.yaml")
    book = load_rules(settings)
    check_rules(book, settings, set(METRICS))
    assert {rule.kind for rule in book.rules} == {"threshold"}
    assert {"quality-24h", "quality-7d", "cost-7d", "p95-week", "p95-baseline"} <= {rule.id for rule in book.rules}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{id: r, metric: qualty, change: -0.1, severity: slack, family: f}", "no metric 'qualty'"),
        ("{id: r, metric: quality, change: -0.1, severity: slack, family: f, segments: [x]}", "no segment 'x'"),
        ("{id: r, metric: quality, severity: slack, family: f}", "exactly one of change, direction"),
        ("{id: r, metric: quality, change: 0.1, above: 1, severity: slack, family: f}", "exactly one of"),
        (
            "{id: r, kind: threshold, metric: quality, direction: fall, severity: slack, family: f}",
            "exactly one of change",
        ),
        (
            "{id: r, kind: absolute, metric: quality, change: 0.1, severity: slack, family: f}",
            "exactly one of above, below",
        ),
        ("{id: r, metric: quality, change: -0.1, severity: loud, family: f}", "severity"),
    ],
)
def test_a_wrong_rule_is_an_error(tmp_path, rule, message):
    (tmp_path / "rules.yaml").write_text(f"rules: [{rule}]")
    path = write(tmp_path, "logging_policy: complete")
    with pytest.raises(ConfigError, match=message):
        check_rules(load_rules(load_settings(path), path), load_settings(path), set(METRICS))


def test_an_unknown_evaluator_or_option_names_those_there_are():
    with pytest.raises(ConfigError, match=r"no evaluator 'refusl'; did you mean 'refusal'"):
        load_checks(Settings(logging_policy="complete", evaluators=["refusl"]))
    with pytest.raises(ConfigError, match="has no option 'grams'"):
        load_checks(Settings(logging_policy="complete", evaluators=[{"name": "repetition", "options": {"grams": 3}}]))


@pytest.mark.parametrize("name", ["drift_dev.yaml", "provider_switch.yaml"])
def test_example_mappings_load(name):
    assert load_mapping(bundled("docs") / "examples" / name).columns["latency_ms"].scale == 1000
