"""A run belongs to one configuration: a worker with another one stops, and says in what it differs."""

import json
import os
import socket
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.settings.identity import Identity
from anchorwatch.settings.shipped import code_version
from anchorwatch.warehouse import query

_PARTS = sa.text("SELECT parts FROM run_configurations WHERE config_hash = :config_hash")
_FIX = (
    "Nothing of this task is published. Give every worker the same files and clear this task; "
    "where the change is meant, clear the run from its first task"
)


def worker_name() -> str:
    """Return how people find this process: its host and its number there."""
    return f"{socket.gethostname()} (process {os.getpid()})"


def store_configuration(connection: sa.Connection, identity: Identity) -> dict[str, str]:
    """Keep what the configuration's hash stands for; return the columns that name it in a run's row."""
    named = {"config_hash": identity.hash, "code_version": code_version(), "worker": worker_name()}
    # Looked for first: a task in a hundred has a new one, and the parts are tens of kilobytes.
    if not _parts(connection, identity.hash):
        arguments = named | {"parts": json.dumps(identity.parts)}
        connection.execute(query("run_configurations", "store"), arguments)
    return named


def require_run(connection: sa.Connection, key: Mapping[str, Any], identity: Identity) -> None:
    """Check that this process is configured as the run of a day began, and reads the log through the same views.

    Args:
        key: run_id and run_date.

    Raises:
        ConfigError: It is not; the message names the first key that differs, and both workers.
    """
    run = connection.execute(query("runs", "identity"), key).one_or_none()
    name = f"run {key['run_id']} of {key['run_date']}"
    if run is None:
        raise ConfigError(f"{name} has not begun: clear it from its first task")
    _require(connection, name, run, identity)
    if run.source_views_now != run.source_views:
        raise ConfigError(
            f"{name}: the views on the log (source_requests, source_segments) are not those it began with on "
            f"{run.worker}: a command or worker whose source, logging_policy, segments, sampling.cells or prices "
            f"differ has replaced them (seen by {worker_name()}). Nothing of this task is published. Find it, and "
            "clear the run from its first task"
        )


def require_job_run(connection: sa.Connection, job: str, run_id: str, identity: Identity, *, is_first: bool) -> None:
    """Begin a run of a job with this configuration, or check that it began with the same.

    Args:
        is_first: Whether this is the run's first task, which begins it anew when it is cleared.

    Raises:
        ConfigError: As `require_run`.
    """
    key = {"job": job, "run_id": run_id}
    named = store_configuration(connection, identity)
    connection.execute(query("job_runs", "begin"), key | named | {"is_first": is_first})
    if is_first:
        connection.execute(query("job_runs", "prune"))
    run = connection.execute(query("job_runs", "identity"), key).one()
    _require(connection, f"run {run_id} of {job}", run, identity)


def _require(connection: sa.Connection, name: str, run: Any, identity: Identity) -> None:
    if run.config_hash == identity.hash:
        return
    parts = _parts(connection, run.config_hash)
    if parts is None:
        # Begun by a version that kept the hash alone; its hash is of another kind.
        different = [f"code version {run.code_version} / {code_version()}"]
    else:
        different = identity.differences(parts)
    if not different:
        return
    more = f" (and in {len(different) - 1} more)" if len(different) > 1 else ""
    raise ConfigError(
        f"{name} began on {run.worker or 'a worker of an earlier version'}, and {worker_name()} differs from it in "
        f"{different[0]}{more}. {_FIX}"
    )


def _parts(connection: sa.Connection, config_hash: str) -> dict[str, str] | None:
    found: dict[str, str] | None = connection.execute(_PARTS, {"config_hash": config_hash}).scalar_one_or_none()
    return found
