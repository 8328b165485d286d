"""What a model's tokens cost: the shipped, dated table, which `prices` of the configuration overrides."""

from datetime import date
from functools import cache
from typing import Annotated

import yaml
from pydantic import Field

from anchorwatch.settings.paths import bundled
from anchorwatch.settings.section import Section, Share


class Price(Section):
    """USD per million tokens.

    Attributes:
        cached_input_usd_per_million_tokens: Of input that the endpoint's prompt cache served; as input if empty.
        batch_factor: What the Batch API charges, as a share of the price.
    """

    input_usd_per_million_tokens: Annotated[float, Field(ge=0)]
    output_usd_per_million_tokens: Annotated[float, Field(ge=0)]
    cached_input_usd_per_million_tokens: Annotated[float, Field(ge=0)] | None = None
    batch_factor: Share = 0.5

    def usd(self, input_tokens: float, output_tokens: float, cached: float = 0, *, is_batch: bool = False) -> float:
        """Return what these tokens cost; `cached` are those of the input that the prompt cache served."""
        cached_price = self.cached_input_usd_per_million_tokens
        if cached_price is None:
            cached_price = self.input_usd_per_million_tokens
        cached = min(cached, input_tokens)
        paid_in = (input_tokens - cached) * self.input_usd_per_million_tokens + cached * cached_price
        total = (paid_in + output_tokens * self.output_usd_per_million_tokens) / 1e6
        return total * self.batch_factor if is_batch else total


class PriceTable(Section):
    """Published prices, and the day they were read."""

    as_of: date
    models: dict[str, Price]


@cache
def shipped_prices() -> PriceTable:
    """Return the table in `config/prices.yaml`."""
    return PriceTable.model_validate(yaml.safe_load((bundled("config") / "prices.yaml").read_text(encoding="utf-8")))
