"""The keys of `judge`: who judges, how much, how fast and for what money."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from anchorwatch.limits import AIRFLOW_MAP_LENGTH, BATCH_FILE_BYTES, BATCH_REQUESTS
from anchorwatch.settings.section import Section, Share


class BatchSettings(Section):
    """How the judge's batch mode splits and waits.

    Attributes:
        max_requests_per_file: Requests in one batch; the OpenAI API takes 50,000.
        max_bytes_per_file: Size of one batch's input; the OpenAI API takes 200 MB.
        poll_seconds: Time between two looks at a batch.
        max_wait_hours: If for longer no batch ends and none finds room, the task fails; batches under way are
            kept: clearing the task goes on waiting for them.
    """

    max_requests_per_file: Annotated[int, Field(ge=1, le=BATCH_REQUESTS)] = BATCH_REQUESTS
    max_bytes_per_file: Annotated[int, Field(ge=10_000, le=BATCH_FILE_BYTES)] = 150_000_000
    poll_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_wait_hours: Annotated[float, Field(gt=0)] = 26.0


class CascadeSettings(Section):
    """A second, stronger judge for what the first one is not sure of.

    It looks again at rows of which the first judge says that it was a close call, whose verdict its rubric calls
    unsure, that it left without a verdict, or where the deterministic checks say otherwise.

    Attributes:
        model: The stronger judge, at the same endpoint.
        pass_through: Random share of all other rows that it sees too; the first verdict stands, and how often
            the two differ is what the cascade misses.
    """

    model: str
    pass_through: Annotated[float, Field(ge=0, le=1)] = 0.02


class JurySettings(Section):
    """Several judges for every row.

    Attributes:
        models: All jurors, at the same endpoint; `judge.model` is not asked besides.
        aggregate: `median` of the values, or the `majority`'s value (a tie is unscored). More than half of the
            jurors have to give a value.
    """

    models: Annotated[list[str], Field(min_length=2)]
    aggregate: Literal["median", "majority"] = "median"

    @field_validator("models")
    @classmethod
    def _models_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("a juror has one vote: name each model once")
        return value


class JudgeSettings(Section):
    """The LLM that scores, and how much of the traffic it sees.

    Attributes:
        enabled: Without it only deterministic evaluators run.
        model: Model name sent to the endpoint.
        rubrics: What it decides, all in one call a row: shipped rubrics, or your own from `extensions`.
        cascade: A stronger judge for close calls.
        jury: Several judges for every row.
        anchors: JSONL file of frozen rows that are judged every night, beside the configuration file; made by
            `anchorwatch anchors freeze`.
        base_url: Any OpenAI-compatible endpoint; empty means `OPENAI_BASE_URL` or OpenAI itself.
        fraction: Share of the estimated production traffic to judge, at most all logged rows.
        max_rows_per_day: Rows beyond this are `over_budget`; none means no ceiling.
        max_context_chars: Of a longer context the judge sees the passages nearest to the answer, up to this
            size; `evaluations.trimmed_chars` says how much it did not see.
        max_input_chars: Rows whose messages are longer are unscored as `input_too_long`.
        mode: `batch` sends the day to the Batch API (half the price, up to 24 hours), `auto` does so for
            days that are too old to alert, `realtime` never. What a batch does not answer goes into another one,
            and is unscored in the end; nothing of it is asked in real time. Asked in real time in these modes are
            only the strong judge of a cascade, which sees what the first one is not sure of, and the anchors.
            `recorded` asks nobody: the verdicts are in `column` or `file`, `model` is who gave them, and nothing is
            paid.
        column: With `mode: recorded`: column of the log (or name under `source.attributes`) that holds each row's
            verdicts, in the form of a judge's reply, such as `{"quality": 4}`; of a single rubric its value alone.
        file: With `mode: recorded`: JSONL file beside the configuration, with request_id and a verdict for each rubric.
        shards: Airflow tasks the judge's work is cut into.
        concurrency: Calls in flight per shard, at most; fewer while the endpoint says 429.
        requests_per_minute: Limit over all tasks together; none: what the endpoint's headers say.
        tokens_per_minute: As above, input and output.
        pool_slots: Size of the Airflow pool `llm_judge`; each task gets the limits divided by it.
        max_usd_per_run: Judging one day stops here; the rest is `over_budget` until a later run.
        max_usd_per_month: As above, for all runs of a calendar month (UTC).
        max_retries: Retries of one call by the client (429, 5xx, timeouts).
        reasks: Further calls, or further batches, after a malformed reply.
        structured_output: How the reply's form is asked for; `auto` begins with json_schema and falls back
            where the endpoint rejects it.
        max_output_tokens: Limit of a reply; none sends no limit.
    """

    enabled: bool = True
    model: str = "gpt-4.1-mini"
    rubrics: Annotated[list[str], Field(min_length=1)] = ["quality", "hallucination", "safety", "retrieval_relevance"]
    cascade: CascadeSettings | None = None
    jury: JurySettings | None = None
    anchors: str | None = None
    base_url: str | None = None
    fraction: Share = 0.025
    max_rows_per_day: Annotated[int, Field(ge=0)] | None = None
    max_context_chars: Annotated[int, Field(ge=500)] = 100_000
    max_input_chars: Annotated[int, Field(ge=1000)] = 200_000
    mode: Literal["realtime", "batch", "auto", "recorded"] = "realtime"
    column: str | None = None
    file: str | None = None
    batch: BatchSettings = BatchSettings()
    shards: Annotated[int, Field(ge=1, le=AIRFLOW_MAP_LENGTH)] = 2
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

    @model_validator(mode="after")
    def _one_panel(self) -> "JudgeSettings":
        if self.cascade is not None and self.jury is not None:
            raise ValueError("choose one of judge.cascade and judge.jury")
        return self

    @model_validator(mode="after")
    def _recorded(self) -> "JudgeSettings":
        named = self.column is not None, self.file is not None
        if self.mode != "recorded":
            if any(named):
                raise ValueError("judge.column and judge.file go with judge.mode: recorded")
            return self
        if sum(named) != 1:
            raise ValueError("judge.mode: recorded needs exactly one of judge.column and judge.file")
        if self.cascade is not None or self.jury is not None or self.anchors is not None:
            raise ValueError("judge.mode: recorded asks nobody: leave out judge.cascade, judge.jury and judge.anchors")
        return self

    @property
    def is_recorded(self) -> bool:
        """Whether verdicts are read, and no judge is asked."""
        return self.mode == "recorded"

    @property
    def models(self) -> list[str]:
        """Every model that is asked."""
        if self.jury is not None:
            return self.jury.models
        return [self.model, self.cascade.model] if self.cascade is not None else [self.model]

    @property
    def has_ceiling(self) -> bool:
        """Whether spending is limited."""
        return self.max_usd_per_run is not None or self.max_usd_per_month is not None
