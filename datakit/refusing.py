"""Which answers refuse, of a sample of the groups whose rewards differ."""

import polars as pl

from datakit.scored import Mask, Scored
from rewards.refusal import refusal_in


def refusing(scored: Scored, among: Mask | None = None) -> pl.DataFrame:
    """The answers of the sampled groups: row, group, best (is it the group's best one), refuses.

    Args:
        scored: the data set.
        among: rows that count (default: all).
    """
    best = scored.best if among is None else scored.best[among[scored.best]]
    chosen = scored.sampled(best)
    frame = pl.DataFrame({"group": scored.group}).with_row_index("row")
    rows = frame.join(pl.DataFrame({"group": scored.group[chosen]}), on="group", how="semi", maintain_order="left")
    texts = scored.texts(rows["row"].to_numpy().astype("int64"))
    refuses = pl.Series("refuses", [bool(refusal_in(text)) for text in texts], dtype=pl.Boolean)
    winners = pl.Series(chosen, dtype=pl.UInt32).implode()
    return rows.select("row", "group", refuses, best=pl.col("row").is_in(winners))
