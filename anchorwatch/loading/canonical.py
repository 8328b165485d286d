"""Turns one source row into a canonical one, or says which field is at fault and why."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from anchorwatch.settings.mapping import ANY_OTHER, ColumnMap, Mapping
from anchorwatch.warehouse.schema import relation

CANONICAL = tuple(
    column
    for column in relation("llm_requests").columns
    if column.name not in ("attributes", "content_hash", "loaded_at")
)
_NOT_NEGATIVE = frozenset({"input_tokens", "output_tokens", "api_calls", "cost_usd", "latency_ms", "first_token_ms"})
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CLOCK_SKEW = timedelta(hours=1)
_MAX_BIGINT = 2**63 - 1


class RowError(Exception):
    """Why a row is rejected; never with the value itself, which may be private."""

    def __init__(self, field: str, reason: str, request_id: str | None = None) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class CanonicalRow:
    """A row ready to store.

    Attributes:
        values: Values in the order of `CANONICAL`.
        is_repaired: A NUL or a lone surrogate, which Postgres cannot hold, became U+FFFD.
    """

    request_id: str
    values: tuple[Any, ...]
    attributes: str
    content_hash: str
    is_repaired: bool


def canonical_row(row: dict[str, Any], mapping: Mapping, now: datetime) -> CanonicalRow:
    """Map, convert and check one row.

    Raises:
        RowError: A required field is missing, or a value does not fit its column.
    """
    request_id = _optional_text(_source_value(row, mapping.columns.get("request_id")))
    values, repaired = [], False
    for column in CANONICAL:
        value = _source_value(row, mapping.columns.get(column.name))
        try:
            converted = _CONVERTERS[column.type](value) if not _is_missing(value) else None
            if isinstance(converted, str) and _UNSTORABLE.search(converted):
                converted, repaired = _UNSTORABLE.sub("\ufffd", converted), True
            _check(column.name, converted, now)
        except ValueError as error:
            raise RowError(column.name, str(error), request_id) from None
        values.append(converted)
    attributes = {name: _optional_text(_source_value(row, chosen)) for name, chosen in mapping.attributes.items()}
    as_json = json.dumps(attributes, sort_keys=True, ensure_ascii=False)
    text = json.dumps([values, as_json], default=str, ensure_ascii=False)
    return CanonicalRow(
        request_id=str(values[0]),
        values=tuple(_with_status(values)),
        attributes=as_json,
        content_hash=hashlib.sha256(text.encode()).hexdigest()[:32],
        is_repaired=repaired,
    )


_STATUS = next(i for i, column in enumerate(CANONICAL) if column.name == "status")
_ERROR = next(i for i, column in enumerate(CANONICAL) if column.name == "error")


def _with_status(values: list[Any]) -> list[Any]:
    """Make status ok or error.

    A log without a status column says by its error column what failed; one whose status is a text like
    `error: timeout` says both in one.
    """
    status = values[_STATUS]
    if status is None:
        values[_STATUS] = "ok" if values[_ERROR] is None else "error"
    elif status not in ("ok", "error"):
        values[_STATUS] = "error"
        values[_ERROR] = values[_ERROR] or status
    return values


def _source_value(row: dict[str, Any], chosen: ColumnMap | None) -> Any:
    if chosen is None:
        return None
    if chosen.column is None:
        return chosen.constant
    value = row.get(chosen.column)
    if chosen.values is not None and not _is_missing(value):
        value = chosen.values.get(_as_key(value), chosen.values.get(ANY_OTHER, value))
    if chosen.scale is not None and not _is_missing(value):
        try:
            value = float(str(value)) * chosen.scale
        except (TypeError, ValueError):
            return value
    return value


def _as_key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _optional_text(value: Any) -> str | None:
    return None if _is_missing(value) else _UNSTORABLE.sub("\ufffd", _text(value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        raise ValueError("not a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("not a number") from None
    if math.isinf(number):
        raise ValueError("infinite")
    return None if math.isnan(number) else number


def _whole_number(value: Any) -> int | None:
    number = _number(value)
    if number is None:
        return None
    if not number.is_integer() or abs(number) > _MAX_BIGINT:
        raise ValueError("not a whole number")
    return int(number)


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False, "1.0": True, "0.0": False}
    if str(value).lower() not in known:
        raise ValueError("not true or false")
    return known[str(value).lower()]


def _time(value: Any) -> datetime:
    """Read a datetime, an ISO 8601 text, or seconds since 1970; without an offset it is UTC."""
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, (int, float)):
            moment = datetime.fromtimestamp(value, tz=UTC)
        else:
            moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise ValueError("not an ISO 8601 time") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "timestamptz": _time,
    "bigint": _whole_number,
    "double precision": _number,
    "boolean": _boolean,
}


def _check(name: str, value: Any, now: datetime) -> None:
    if name in ("request_id", "requested_at") and value in (None, ""):
        raise ValueError("missing, and required")
    if value is None:
        return
    if name == "requested_at" and value > now + _CLOCK_SKEW:
        raise ValueError("in the future")
    if name in _NOT_NEGATIVE and value < 0:
        raise ValueError("negative")
    if name == "status" and value != "ok" and not value.startswith("error"):
        raise ValueError("neither 'ok' nor 'error...'; translate it with `values` in the mapping")
    if name == "user_feedback" and value not in (-1, 0, 1):
        raise ValueError("not -1, 0 or 1; translate it with `values` in the mapping")
    if name == "log_probability" and not 0 < value <= 1:
        raise ValueError("not in (0, 1]")
