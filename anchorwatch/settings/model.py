"""Every key of `anchorwatch.yaml`: its type, default, range and meaning."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from anchorwatch.settings.alerting import AlertSettings
from anchorwatch.settings.health import HealthSettings, Provider
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.settings.mapping import ColumnMap
from anchorwatch.settings.prices import Price, shipped_prices
from anchorwatch.settings.section import Section, Share


class WarehouseSettings(Section):
    """Where the logs and the result tables live.

    Attributes:
        url: A Postgres URL; empty means the embedded server. `ANCHORWATCH_WAREHOUSE_URL` and the
            Airflow connection `anchorwatch_warehouse` take precedence.
        reader_url: URL of a role that may only read results, for `anchorwatch sql`; `ANCHORWATCH_READER_URL`
            takes precedence.
    """

    url: str | None = None
    reader_url: str | None = None


class SourceSettings(Section):
    """Which table holds the request logs.

    Attributes:
        table: `table` or `schema.table` in the warehouse.
        columns: Canonical column -> source column, where the names differ.
        attributes: Extra columns, usable as segments.
    """

    table: str = "llm_requests"
    columns: dict[str, ColumnMap] = {}
    attributes: dict[str, ColumnMap] = {}


class SampledLogging(Section):
    """Rows are logged with probability `sampled`, and errors and flagged rows with their own."""

    sampled: Share
    errors: Share = 1.0
    flagged: Share = 1.0


class SegmentSettings(Section):
    """A way to cut the traffic: a canonical column, an attribute, or `hour_of_day`."""

    name: str
    column: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def source(self) -> str:
        """The column or attribute that holds the segment's values."""
        return self.column or self.name


class SamplingSettings(Section):
    """Which logged rows the judge sees.

    Attributes:
        key: Secret of the keyed hash that selects rows; changing it changes the sample.
        cells: Columns whose values make the cells, each guaranteed a floor every day.
        floor: Rows a stratum (cell x error/flagged/rest) gets at least, if it has them.
        min_cell_rows: Cells with fewer judgeable logged rows that day are folded into `other`.
    """

    key: str = "anchorwatch"
    cells: list[str] = ["query_type", "model"]
    floor: Annotated[int, Field(ge=0)] = 3
    min_cell_rows: Annotated[int, Field(ge=1)] = 20


class EvaluatorSettings(Section):
    """One evaluator to run: its registered name and its options."""

    name: str
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class GateSettings(Section):
    """Limits of the data checks; breaking a `fail_` limit stops the day, a `warn_` limit does not.

    Attributes:
        fail_unparseable_rate: Share of the day's rows without a usable id, time or status.
        fail_unscored_rate: Share of judged rows without a score, checked after judging.
        warn_missing_rate: Share of rows where a column that matters is empty.
        warn_volume_change: Relative change of the row count against the mean of the last 7 days.
        known_models: Models that raise no warning; empty means those seen on earlier days.
    """

    fail_unparseable_rate: Share = 0.5
    fail_unscored_rate: Share = 0.5
    warn_missing_rate: Share = 0.05
    warn_volume_change: Annotated[float, Field(gt=0)] = 0.5
    known_models: list[str] = []


class LateDataSettings(Section):
    """What happens to rows that arrive, or change, after their day was evaluated.

    Attributes:
        horizon_days: Days before the newest one that every nightly run looks at again; 0 looks at none.
    """

    horizon_days: Annotated[int, Field(ge=0, le=90)] = 3


class PrivacySettings(Section):
    """What may be stored.

    Attributes:
        store_text: Allow explanations to quote the logged text (off: kinds and offsets only).
        redact_before_judge: Take personal data and secrets out of the text before it leaves for the judge.
    """

    store_text: bool = False
    redact_before_judge: bool = True


class Settings(Section):
    """The whole configuration.

    Attributes:
        extensions: Folder beside the configuration file with evaluators (`*.py`) and rubrics (`*.md`) of your own.
    """

    logging_policy: Literal["complete", "column"] | SampledLogging
    warehouse: WarehouseSettings = WarehouseSettings()
    source: SourceSettings = SourceSettings()
    segments: list[SegmentSettings] = [
        SegmentSettings(name=name)
        for name in (
            "app",
            "query_type",
            "user_segment",
            "model",
            "model_version",
            "prompt_version",
            "retriever_version",
            "endpoint",
            "hour_of_day",
        )
    ]
    max_segment_values: Annotated[int, Field(ge=1)] = 50
    sampling: SamplingSettings = SamplingSettings()
    evaluators: list[EvaluatorSettings] = [
        EvaluatorSettings(name=name)
        for name in (
            "format_validity",
            "truncation",
            "refusal",
            "grounding",
            "support",
            "repetition",
            "ground_truth_agreement",
            "injection_attempt",
            "injection_success",
            "pii_leak",
            "secret_leak",
            "harmful_content",
        )
    ]
    extensions: str = "extensions"
    judge: JudgeSettings = JudgeSettings()
    prices: dict[str, Price] = {}
    gate: GateSettings = GateSettings()
    rules: str = "rules.yaml"
    late_data: LateDataSettings = LateDataSettings()
    health: HealthSettings = HealthSettings()
    providers: list[Provider] = []
    alerts: AlertSettings = AlertSettings()
    privacy: PrivacySettings = PrivacySettings()

    @property
    def price_table(self) -> dict[str, Price]:
        """Prices by model: the configuration's over the shipped ones."""
        return {**shipped_prices().models, **self.prices}

    @model_validator(mode="after")
    def _ceiling_needs_a_price(self) -> "Settings":
        unpriced = [model for model in self.judge.models if model not in self.price_table]
        if self.judge.enabled and self.judge.has_ceiling and unpriced:
            raise ValueError(
                f"judge.max_usd_per_run and judge.max_usd_per_month need a price for '{unpriced[0]}' in `prices`"
            )
        return self

    @model_validator(mode="after")
    def _health_segments_exist(self) -> "Settings":
        # The defaults are a wish: a configuration with other segments watches those of them that it has.
        known = {segment.name for segment in self.segments} | set(HealthSettings().segments)
        unknown = [name for name in self.health.segments if name not in known]
        if unknown:
            raise ValueError(f"health.segments: there is no segment '{unknown[0]}' in `segments`")
        return self

    @field_validator("segments")
    @classmethod
    def _names_once(cls, value: list[SegmentSettings]) -> list[SegmentSettings]:
        names = [segment.name for segment in value]
        if len(set(names)) != len(names) or "all" in names:
            raise ValueError("segment names must be unique, and 'all' is always there")
        return value
