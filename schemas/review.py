"""What a person's page of ratings saves, and `datakit ingest` reads back."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, field_validator

from schemas.base import Frozen

FLAG = ": flag"
"""The end of the name of a rater's flags."""


class RatedAnswer(Frozen):
    """What a person said of one answer."""

    candidate_id: UUID
    """The answer."""
    rating: Annotated[int, Field(strict=True, ge=1, le=10)] | None = None
    """1 (worst) to 10 (best)."""
    flagged: bool = False
    """Something is wrong with it."""
    note: str = ""
    """What."""


class Preference(Frozen):
    """Which of two answers a person likes better."""

    left_id: UUID
    right_id: UUID
    verdict: Literal["left", "right", "tie"]


class Review(Frozen):
    """All that one person saved."""

    datakit_review: Literal[1]
    """Version of this form, by which it is recognised."""
    dataset: str
    """The data set that was reviewed, `name@version`."""
    rater: Annotated[str, Field(min_length=1, max_length=200)]
    """Who rated; what is called `NAME: flag` are the flags of NAME."""
    answers: tuple[RatedAnswer, ...] = ()
    preferences: tuple[Preference, ...] = ()

    @field_validator("rater")
    @classmethod
    def _is_no_flags(cls, rater: str) -> str:
        name = rater.strip()
        if not name:
            raise ValueError("a name is needed")
        if name.endswith(FLAG):
            raise ValueError(
                f"{name!r} is what the flags of {name.removesuffix(FLAG)!r} are called; write another name"
            )
        return name
