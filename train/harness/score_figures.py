"""How a model of people's scores does on held-out answers, dimension by dimension, in the people's unit."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.report import Table

Numbers = npt.NDArray[np.float64]


def score_figures(said: Numbers, predicted: Numbers, lengths: Numbers) -> dict[str, float]:
    """Figures of one dimension; a correlation is left out where one side has no spread.

    Args:
        said: (n) people's scores; NaN where an answer lacks one, which is left out.
        predicted: (n) the model's, in the same unit.
        lengths: (n) of the answers.
    """
    here = ~np.isnan(said)
    said, predicted, lengths = said[here], predicted[here], lengths[here]
    if not len(said):
        return {"answers": 0}
    found = {
        "mse": float(((said - predicted) ** 2).mean()),
        "variance": float(said.var()),
        "spearman": spearman(said, predicted),
        "pearson": pearson(said, predicted),
        "length_spearman": spearman(predicted, lengths),
        "said_length_spearman": spearman(said, lengths),
    }
    return {"answers": len(said), **{name: value for name, value in found.items() if value is not None}}


def pearson(one: Numbers, other: Numbers) -> float | None:
    """Pearson's correlation; None where there are fewer than two values, or a side has no spread."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def spearman(one: Numbers, other: Numbers) -> float | None:
    """Spearman's rank correlation, ties at their average rank; None as in `pearson`."""
    ranks = (pl.Series(values).rank("average").to_numpy().astype(np.float64) for values in (one, other))
    return pearson(*ranks)


def score_table(figures: Mapping[str, Mapping[str, float]]) -> Table:
    """A line a dimension. The variance is the MSE of always saying the mean; length: Spearman's correlation with it."""
    names = ("answers", "mse", "variance", "spearman", "pearson", "length_spearman", "said_length_spearman")
    columns = ("answers", "MSE", "variance", "Spearman", "Pearson", "length", "said length")
    rows = tuple(
        (dimension, *(round(found[name], 3) if name in found else None for name in names))
        for dimension, found in figures.items()
    )
    return Table(title="Scores of held-out answers", columns=("dimension", *columns), rows=rows)
