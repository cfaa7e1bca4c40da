"""Drop rows that are not in the wanted languages."""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field, field_validator

from datakit.filter import RowFilter
from rewards.languages import LANGUAGES, UNKNOWN, languages_of
from schemas.errors import did_you_mean


class Language(RowFilter):
    """Refuses an answer (or prompt) that is mostly in another language.

    An English name in a Chinese text does not make it English, nor a Chinese quotation an English one Chinese. Code,
    numbers and very short texts have no language, and stay.
    """

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output")

    keep: tuple[str, ...] = Field(("en", "zh"), min_length=1)
    """Languages that stay, by their two-letter codes; zh is Chinese in either script."""
    of: Literal["prompt", "output", "both"] = "output"
    """Which text is to be in them; with both, each."""
    unknown: Literal["keep", "drop"] = "keep"
    """What becomes of texts whose language cannot be told."""

    @field_validator("keep")
    @classmethod
    def _told_apart(cls, keep: tuple[str, ...]) -> tuple[str, ...]:
        for language in keep:
            if language not in LANGUAGES:
                raise ValueError(f"no language {language!r}; {did_you_mean(language, LANGUAGES)}")
        return keep

    def measured(self) -> pl.Expr:
        """See the base class."""
        columns = ("prompt", "output") if self.of == "both" else (self.of,)
        found = [pl.col(column).map_batches(languages_of, return_dtype=pl.String) for column in columns]
        return pl.concat_str(found, separator=", ")

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        wanted = [*self.keep, *([UNKNOWN] if self.unknown == "keep" else [])]
        return value.str.split(", ").list.set_difference(wanted).list.len() > 0

    def allowed(self) -> str:
        """See the base class."""
        return f"{self.of} in {' or '.join(self.keep)}" + (", or unknown" if self.unknown == "keep" else "")
