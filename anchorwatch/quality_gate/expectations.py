"""Runs checks with Great Expectations inside the warehouse; only counts come back, never values."""

import logging
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import TransientError
from anchorwatch.quality_gate.checks import Check

_COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How a check ended.

    Attributes:
        n_unexpected: Rows that broke it; None for a check of the whole table.
        observed: What a whole-table check saw.
    """

    check: Check
    success: bool
    n_rows: int | None
    n_unexpected: int | None
    observed: Any

    @property
    def detail(self) -> str:
        """What was expected and seen, without row values."""
        expected = ", ".join(f"{name} {value}" for name, value in self.check.options.items() if name != "value_set")
        seen = f"{self.n_unexpected} of {self.n_rows} rows" if self.n_unexpected is not None else f"saw {self.observed}"
        return f"{self.check.meaning}: {seen}" + (f" (expected {expected})" if expected else "")


def run_checks(url: str, select: str, checks: list[Check], name: str, docs: Path) -> list[CheckResult]:
    """Validate the rows of a query and write Data Docs below `docs`.

    Raises:
        sqlalchemy.exc.DBAPIError: The database went away, or refused.
        TransientError: A check could not be computed, which says nothing about the rows.
    """
    try:
        return _run_checks(url, select, checks, name, docs)
    except Exception as error:
        if (cause := _database_error(error)) is None:
            raise
        raise cause from error


def _database_error(error: BaseException | None) -> sa.exc.DBAPIError | None:
    """Great Expectations wraps what the driver raised in errors of its own."""
    while error is not None:
        if isinstance(error, sa.exc.DBAPIError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _run_checks(url: str, select: str, checks: list[Check], name: str, docs: Path) -> list[CheckResult]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    for noisy in ("great_expectations", "great_expectations.data_context"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # errors with a traceback; we tell what is raised
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
        _drop_default_site(context)
        context.add_data_docs_site(site_name="local", site_config=_site(docs))
        source = context.data_sources.add_sql("warehouse", connection_string=url)
        batch = source.add_query_asset(name, query=select).add_batch_definition_whole_table("day")
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=[_expectation(gx, c) for c in checks]))
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
        actions = [gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=["local"])]
        checkpoint = gx.Checkpoint(
            name=name, validation_definitions=[definition], actions=actions, result_format=_COUNTS_ONLY
        )
        outcome = context.checkpoints.add(checkpoint).run()
        (results,) = outcome.run_results.values()
        source.get_execution_engine().engine.dispose()
    for animation in (docs / "static" / "images").glob("*.gif"):
        animation.unlink()  # tutorials, 3 MB a day
    return _in_order(checks, results.results)


def _drop_default_site(context: Any) -> None:
    """An ephemeral context makes a temporary directory for docs that nobody asked for."""
    for site in (context.variables.data_docs_sites or {}).values():
        shutil.rmtree(site["store_backend"]["base_directory"], ignore_errors=True)
    context.delete_data_docs_site("local_site")


def _site(docs: Path) -> dict[str, Any]:
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)}
    return {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": store,
    }


def _expectation(gx: Any, check: Check) -> Any:
    column = {} if check.column is None else {"column": check.column}
    severity = "critical" if check.level == "fail" else "warning"
    return getattr(gx.expectations, check.kind)(
        **column, **check.options, severity=severity, meta={"means": check.meaning}
    )


def _exception(info: dict[str, Any]) -> str | None:
    """Return what was raised, without what follows a second colon, which may be a value; None if nothing was.

    It is one exception, or one of each metric that the expectation needs.
    """
    for one in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if one.get("raised_exception"):
            first_line = (str(one.get("exception_message") or "").strip().splitlines() or ["an unknown error"])[0]
            return ":".join(first_line.split(":")[:2])
    return None


def _in_order(checks: list[Check], results: list[Any]) -> list[CheckResult]:
    """Match results to checks by what they mean: Great Expectations groups results by column."""
    by_meaning = {check.meaning: check for check in checks}
    ended: list[CheckResult] = []
    for result in results:
        check = by_meaning[result.expectation_config.meta["means"]]
        if problem := _exception(result.exception_info):
            raise TransientError(f"the check '{check.meaning}' could not be computed: {problem}")
        found = result.result or {}
        ended.append(
            CheckResult(
                check=check,
                success=bool(result.success),
                n_rows=found.get("element_count"),
                n_unexpected=found.get("unexpected_count"),
                observed=found.get("observed_value"),
            )
        )
    return sorted(ended, key=lambda result: checks.index(result.check))
