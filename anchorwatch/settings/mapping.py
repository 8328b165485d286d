"""How one column of somebody's log becomes a canonical column; used by `load` and by `source`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

ANY_OTHER = "*"


class ColumnMap(BaseModel):
    """Where a canonical column comes from.

    Attributes:
        column: Column of the source; None with `constant`.
        scale: Factor for a number, e.g. 1000 from seconds to milliseconds.
        values: Translation of source values; the key `*` is for every value that is not listed,
            without it such a value is kept as it is.
        constant: The same value for every row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = None
    scale: float | None = None
    values: dict[str, Any] | None = None
    constant: Any = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> "ColumnMap":
        if (self.column is None) == (self.constant is None):
            raise ValueError("give exactly one of a source column and a constant")
        if self.constant is not None and (self.scale is not None or self.values is not None):
            raise ValueError("a constant takes neither scale nor values")
        return self


class Mapping(BaseModel):
    """A column map for one source.

    Attributes:
        columns: Canonical column -> where it comes from.
        attributes: Name of an extra attribute -> where it comes from; usable as a segment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, ColumnMap]
    attributes: dict[str, ColumnMap] = {}
