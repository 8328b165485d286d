"""What every part of the configuration has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """A part of the configuration; unknown keys are errors, because a typo must not pass quietly."""

    model_config = ConfigDict(extra="forbid", frozen=True)
