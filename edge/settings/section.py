"""What all sections have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from edge.camera import checked_camera_id
from edge.errors import Unusable


class Section(BaseModel):
    """A part of the file; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def accepted_by(check: Callable[[str], object]) -> AfterValidator:
    """A validator that keeps the text and says what `check` has against it."""

    def accept(text: str) -> str:
        try:
            check(text)
        except Unusable as error:
            # Pydantic collects value errors only.
            raise ValueError(error.what) from error
        return text

    return AfterValidator(accept)


CameraId = Annotated[str, accepted_by(checked_camera_id)]
Pin = int | str
"""As gpiozero names it, such as 17 or BOARD11."""
_LONGEST_S = 366 * 86_400.0
"""A year, and less than what the system can wait for."""
Seconds = Annotated[float, Field(ge=0, le=_LONGEST_S)]
SomeSeconds = Annotated[float, Field(gt=0, le=_LONGEST_S)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Port = Annotated[int, Field(ge=1024, le=65535)]
