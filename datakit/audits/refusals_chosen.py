"""How often was a refusal chosen over an answer?"""

import polars as pl

from datakit.audited import Audited
from datakit.auditing import Audit, Finding, share_of
from datakit.filter import Filter
from rewards.plugins import variant_class


class RefusalsChosen(Audit):
    """Share of the pairs whose chosen side declines and whose rejected side does not.

    To a harmful prompt that is right, so `--fix` leaves them in.
    """

    threshold: float = 0.1

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        declines = variant_class("datakit.filters", "refusal", Filter)()  # type: ignore[type-abstract]
        chosen, rejected = (
            declines.drop(audited.pairs.select("row", "prompt", output=side)) for side in ("chosen", "rejected")
        )
        found = chosen.join(rejected.select("row"), on="row", how="anti")
        offenders = found.select("row", why=pl.format("chosen declines: {}", pl.col("value").str.head(80)))
        return share_of(audited, offenders, "of the pairs have a refusal as chosen over an answer")

    def advice(self) -> str:
        """See the base class."""
        return "right where the prompts are harmful, over-refusal where they are not; look at the samples"
