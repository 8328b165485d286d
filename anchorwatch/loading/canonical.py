"""Turns one source row into a canonical one, or says which field is at fault and why."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from anchorwatch.limits import REQUEST_ID_BYTES
from anchorwatch.loading.readers import Unreadable
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
_DIGITS = re.compile(r"[+-]?[0-9]+")
_NO_TIME = "not an ISO 8601 time, and not seconds since 1970 (for milliseconds: `scale: 0.001` in the mapping)"
_SECONDS = re.compile(r"[0-9]{9,11}(?:\.[0-9]*)?|[0-9]\.[0-9]+[eE]\+?0?[89]")
"""Of 1973 and later, and so no date such as 20261120."""
_DATABASE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?) ?"
    r"(UTC|GMT|Z|[+-][0-9]{2}(?::?[0-9]{2})?)",
    re.IGNORECASE,
)
"""As BigQuery (`… UTC`), Snowflake (`….000 -0800`) and Postgres (`…+00`) print it."""
_DATE_AND_NO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[^Tt ]")


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
    raw_id = _source_value(row, mapping.columns.get("request_id"))
    request_id = None if isinstance(raw_id, Unreadable) else _optional_text(raw_id)
    values, repaired = [], False
    for column in CANONICAL:
        value = _readable(column.name, _source_value(row, mapping.columns.get(column.name)), request_id)
        try:
            converted = _CONVERTERS[column.type](value) if not _is_missing(value) else None
            if isinstance(converted, str) and _UNSTORABLE.search(converted):
                converted, repaired = _UNSTORABLE.sub("\ufffd", converted), True
            _check(column.name, converted, now)
        except ValueError as error:
            raise RowError(column.name, str(error), request_id) from None
        values.append(converted)
    attributes = {
        name: _optional_text(_readable(name, _source_value(row, chosen), request_id))
        for name, chosen in mapping.attributes.items()
    }
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
    if isinstance(value, Unreadable):
        return value
    if chosen.values is not None and not _is_missing(value):
        value = chosen.values.get(_as_key(value), chosen.values.get(ANY_OTHER, value))
    if chosen.scale is not None and not _is_missing(value):
        try:
            value = float(str(value)) * chosen.scale
        except (TypeError, ValueError):
            return value
    return value


def _readable(field: str, value: Any, request_id: str | None) -> Any:
    if isinstance(value, Unreadable):
        raise RowError(field, value.reason, request_id)
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
    except OverflowError:
        raise ValueError("too large for a number") from None
    except (TypeError, ValueError):
        raise ValueError("not a number") from None
    if math.isinf(number):
        has_digits = isinstance(value, str) and any(map(str.isdigit, value))
        raise ValueError("too large for a number" if has_digits else "infinite")
    return None if math.isnan(number) else number


def _whole_number(value: Any) -> int | None:
    number = _number(value)
    if number is None:
        return None
    if not number.is_integer():
        raise ValueError("not a whole number")
    # A float has no more than 53 bits: whole numbers that are written as such are kept to the last digit.
    whole = int(value) if isinstance(value, int) or _DIGITS.fullmatch(str(value)) else int(number)
    if not -_MAX_BIGINT <= whole <= _MAX_BIGINT:
        raise ValueError("too large for a whole number")
    return whole


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False, "1.0": True, "0.0": False}
    if str(value).lower() not in known:
        raise ValueError("not true or false")
    return known[str(value).lower()]


def _time(value: Any) -> datetime:
    """Read a datetime, an ISO 8601 text as databases print it, or seconds since 1970; without an offset it is UTC."""
    if isinstance(value, bool):
        raise ValueError(_NO_TIME)
    if isinstance(value, str) and _SECONDS.fullmatch(value.strip()):
        value = float(value)
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, (int, float, Decimal)):
            moment = datetime.fromtimestamp(float(value), tz=UTC)
        else:
            moment = datetime.fromisoformat(_iso(str(value).strip()))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (OverflowError, OSError):
        raise ValueError("a time outside of the years 1 to 9999 in UTC") from None
    except ValueError:
        raise ValueError(_NO_TIME) from None


def _iso(text: str) -> str:
    """Return a text that has a zone's name or a space before its offset as ISO 8601 has it.

    Raises:
        ValueError: What follows the date is no time.
    """
    if found := _DATABASE_TIME.fullmatch(text):
        moment, offset = found.groups()
        return moment + ("+00:00" if offset.upper() in ("UTC", "GMT", "Z") else offset)
    if _DATE_AND_NO_TIME.match(text):  # fromisoformat takes any character between them: 2026-11-20-0800 is no 08:00
        raise ValueError(_NO_TIME)
    return text


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
    if name == "request_id" and len(value.encode()) > REQUEST_ID_BYTES:
        raise ValueError(f"longer than {REQUEST_ID_BYTES} bytes")
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
