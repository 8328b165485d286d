"""Every key of `anchorwatch.yaml`: its type, default, range and meaning."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from anchorwatch.settings.mapping import ColumnMap
from anchorwatch.settings.prices import Price, shipped_prices
from anchorwatch.settings.section import Section, Share


class WarehouseSettings(Section):
    """Where the logs and the result tables live.

    Attributes:
        url: A Postgres URL; empty means the embedded server. `ANCHORWATCH_WAREHOUSE_URL` and the
            Airflow connection `anchorwatch_warehouse` take precedence.
    """

    url: str | None = None


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


class BatchSettings(Section):
    """How the judge's batch mode splits and waits.

    Attributes:
        max_requests_per_file: Requests in one batch; the OpenAI API takes 50,000.
        max_bytes_per_file: Size of one batch's input; the OpenAI API takes 200 MB.
        poll_seconds: Time between two looks at a batch.
        max_wait_hours: A batch that is unfinished for longer fails the task, and is kept: clearing the task
            goes on waiting for it.
    """

    max_requests_per_file: Annotated[int, Field(ge=1, le=50_000)] = 50_000
    max_bytes_per_file: Annotated[int, Field(ge=10_000, le=200_000_000)] = 150_000_000
    poll_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_wait_hours: Annotated[float, Field(gt=0)] = 26.0


class JudgeSettings(Section):
    """The LLM that scores, and how much of the traffic it sees.

    Attributes:
        enabled: Without it only deterministic evaluators run.
        model: Model name sent to the endpoint.
        base_url: Any OpenAI-compatible endpoint; empty means `OPENAI_BASE_URL` or OpenAI itself.
        fraction: Share of the estimated production traffic to judge, at most all logged rows.
        max_rows_per_day: Rows beyond this are `over_budget`; none means no ceiling.
        max_context_chars: Of a longer context the judge sees the passages nearest to the answer, up to this
            size; `evaluations.trimmed_chars` says how much it did not see.
        max_input_chars: Rows whose messages are longer are unscored as `input_too_long`.
        mode: `batch` sends the day to the Batch API (half the price, up to 24 hours), `auto` does so for
            days that are too old to alert, `realtime` never.
        shards: Airflow tasks the judge's work is cut into.
        concurrency: Calls in flight per shard, at most; fewer while the endpoint says 429.
        requests_per_minute: Limit over all tasks together; none: what the endpoint's headers say.
        tokens_per_minute: As above, input and output.
        pool_slots: Size of the Airflow pool `llm_judge`; each task gets the limits divided by it.
        max_usd_per_run: Judging one day stops here; the rest is `over_budget` until a later run.
        max_usd_per_month: As above, for all runs of a calendar month (UTC).
        max_retries: Retries of one call by the client (429, 5xx, timeouts).
        reasks: Further calls after a malformed reply.
        structured_output: How the reply's form is asked for; `auto` begins with json_schema and falls back
            where the endpoint rejects it.
        max_output_tokens: Limit of a reply; none sends no limit.
    """

    enabled: bool = True
    model: str = "gpt-4.1-mini"
    base_url: str | None = None
    fraction: Share = 0.025
    max_rows_per_day: Annotated[int, Field(ge=0)] | None = None
    max_context_chars: Annotated[int, Field(ge=500)] = 100_000
    max_input_chars: Annotated[int, Field(ge=1000)] = 200_000
    mode: Literal["realtime", "batch", "auto"] = "realtime"
    batch: BatchSettings = BatchSettings()
    shards: Annotated[int, Field(ge=1, le=1000)] = 2
    concurrency: Annotated[int, Field(ge=1, le=256)] = 32
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    pool_slots: Annotated[int, Field(ge=1)] = 2
    max_usd_per_run: Annotated[float, Field(ge=0)] | None = None
    max_usd_per_month: Annotated[float, Field(ge=0)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_retries: Annotated[int, Field(ge=0, le=20)] = 4
    reasks: Annotated[int, Field(ge=0, le=5)] = 2
    temperature: Annotated[float, Field(ge=0, le=2)] | None = 0.0
    seed: int | None = 7
    structured_output: Literal["auto", "json_schema", "json_object", "text"] = "auto"
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None

    @property
    def has_ceiling(self) -> bool:
        """Whether spending is limited."""
        return self.max_usd_per_run is not None or self.max_usd_per_month is not None


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


class ChannelSettings(Section):
    """A way out: the Airflow connection that holds its address and secret."""

    enabled: bool = True
    connection: str


class PagerDutySettings(ChannelSettings):
    """PagerDuty: its connection has no host, so another base URL (EU region, proxy) is set here."""

    base_url: str | None = None


class AlertSettings(Section):
    """Who is told what.

    Attributes:
        routes: Severity -> channels; a severity that is not listed goes nowhere.
        max_age_days: Days older than this never alert.
        link_base_url: Base of the links to Airflow in alerts.
    """

    routes: dict[Literal["page", "slack", "dashboard"], list[Literal["pagerduty", "slack"]]] = {
        "page": ["pagerduty", "slack"],
        "slack": ["slack"],
    }
    max_age_days: Annotated[int, Field(ge=0)] = 2
    link_base_url: str = "http://localhost:8080"
    slack: ChannelSettings = ChannelSettings(connection="anchorwatch_slack")
    pagerduty: PagerDutySettings = PagerDutySettings(connection="anchorwatch_pagerduty")


class PrivacySettings(Section):
    """What may be stored.

    Attributes:
        store_text: Allow explanations to quote the logged text (off: kinds and offsets only).
    """

    store_text: bool = False


class Settings(Section):
    """The whole configuration."""

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
            "repetition",
            "ground_truth_agreement",
        )
    ]
    judge: JudgeSettings = JudgeSettings()
    prices: dict[str, Price] = {}
    gate: GateSettings = GateSettings()
    rules: str = "rules.yaml"
    alerts: AlertSettings = AlertSettings()
    privacy: PrivacySettings = PrivacySettings()

    @property
    def price_table(self) -> dict[str, Price]:
        """Prices by model: the configuration's over the shipped ones."""
        return {**shipped_prices().models, **self.prices}

    @model_validator(mode="after")
    def _ceiling_needs_a_price(self) -> "Settings":
        if self.judge.enabled and self.judge.has_ceiling and self.judge.model not in self.price_table:
            raise ValueError(
                f"judge.max_usd_per_run and judge.max_usd_per_month need a price for '{self.judge.model}' in `prices`"
            )
        return self

    @field_validator("segments")
    @classmethod
    def _names_once(cls, value: list[SegmentSettings]) -> list[SegmentSettings]:
        names = [segment.name for segment in value]
        if len(set(names)) != len(names) or "all" in names:
            raise ValueError("segment names must be unique, and 'all' is always there")
        return value
