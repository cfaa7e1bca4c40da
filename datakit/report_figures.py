"""The numbers of the page about an SFT set: lengths, languages, repeated answers, clusters, the waterfall."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from datakit.filter import Filter
from datakit.filters.length import Length
from datakit.progress import track
from datakit.report_rows import Facts
from rewards.languages import languages_of
from rewards.plugins import variant_class
from schemas.errors import ConfigError
from schemas.parse import parse

LENGTH_UNITS = {"characters": Length(unit="characters", min=0), "words": Length(unit="words", min=0)}
"""What lengths are given in, as filter `length` counts them."""
BINS_OF_TEN = (10, 13, 16, 20, 25, 32, 40, 50, 63, 80)
"""Lower edges of the ten bins from 10 to 100: preferred numbers (ISO 3, series R10), whole."""
SMALL = (0, 1, 2, 3, 4, 5, 6, 8)
"""Lower edges of the bins below them."""
FEWEST_BINS = 12
"""Bins of a histogram, even if all lengths fall into fewer."""
MOST_LANGUAGES = 8
"""Languages that are listed by themselves."""
MOST_REPEATED = 10
"""Answers in the list of repeated ones."""
CLUSTER_SIZES = (2, 3, 4, 5, 10, 20, 50, 100, 1000)
"""Smallest size of each class of clusters."""
MEASURED_AT_ONCE = 8192
"""Answers between two steps of the progress bar."""
_LANGUAGE = pl.col("output").map_batches(languages_of, return_dtype=pl.String)
QUANTILES = {"10 %": 0.1, "median": 0.5, "90 %": 0.9, "99 %": 0.99}


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram."""

    low: int
    """Smallest length in it."""
    high: int
    """Largest."""
    rows: tuple[int, ...]
    """Of each series."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the answers are."""

    unit: str
    bins: tuple[Bin, ...]
    summaries: tuple[dict[str, float], ...]
    """Of each series: smallest, quantiles, mean, largest."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows have something in common."""

    name: str
    rows: tuple[int, ...]
    """Of each series."""


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """Clusters of like rows, of one size or a range of sizes."""

    low: int
    high: int | None
    clusters: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Step:
    """A filter of a cleaning, or a reason for which rows of a file were refused."""

    number: int
    name: str
    allowed: str
    """What a row must be to stay; empty where this is not known."""
    dropped: int
    left: int
    """Rows after it."""


@dataclass(frozen=True)
class Figures:
    """All numbers of the page."""

    totals: tuple[int, ...]
    """Rows of each series."""
    lengths: tuple[Lengths, ...]
    languages: tuple[Counted, ...]
    repeated: tuple[Counted, ...]
    clusters: dict[int, tuple[ClusterSize, ...]]
    """By the number of the step that found them."""
    steps: tuple[Step, ...]


def lengths_in(tokenizer: Path) -> dict[str, Length]:
    """Lengths in characters, and in the tokens of a tokenizer (its directory, or its file)."""
    folder = tokenizer.parent if tokenizer.name == "tokenizer.json" else tokenizer
    unit = f"tokens of {folder.resolve().name}"
    return {"characters": LENGTH_UNITS["characters"], unit: Length(unit="tokens", tokenizer=folder, min=0)}


def figures_of(facts: Facts, measures: Mapping[str, pl.Expr]) -> Figures:
    """Compute the numbers.

    Args:
        facts: what the store says of the set.
        measures: what lengths are given in; expressions over the column `output`.
    """
    series = list(facts.series)
    measured = _measured(facts.answers, {**measures, "language": _LANGUAGE})
    return Figures(
        totals=tuple(int(facts.answers[name].sum()) for name in series),
        lengths=tuple(lengths_of(measured.select(*series, length=unit), unit) for unit in measures),
        languages=_languages(measured, series),
        repeated=_repeated(facts.answers, series),
        clusters={step: _cluster_sizes(found) for (step,), found in facts.clusters.group_by("step")},
        steps=_cleaning_steps(facts) if facts.cleaned else _refusals(facts.went),
    )


def _measured(answers: pl.DataFrame, measures: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """How many rows have each answer, and its measures."""
    found = [answers.clear().select("before", "after", **measures)]
    with track("measuring", answers.height) as bar:
        for part in answers.iter_slices(MEASURED_AT_ONCE):
            found.append(part.select("before", "after", **measures))
            bar.advance(part.height)
    return pl.concat(found)


def lengths_of(measured: pl.DataFrame, unit: str) -> Lengths:
    """Bins and quantiles of lengths.

    Args:
        measured: rows of each series with one length; the last column is `length`.
        unit: what it counts.
    """
    series = measured.columns[:-1]
    present = measured.filter(pl.any_horizontal(pl.col(series) > 0))
    if present.is_empty():
        return Lengths(unit, (), tuple({} for _ in series))
    edges = _edges(int(present["length"].min()), int(present["length"].max()))  # type: ignore[arg-type]
    at = pl.Series(edges).search_sorted(present["length"].cast(pl.Int64), side="right") - 1
    counts = present.group_by(at=at.cast(pl.Int64)).agg(pl.col(series).sum())
    every = pl.DataFrame({"at": range(len(edges) - 1)}).join(counts, on="at", how="left", maintain_order="left")
    rows = every.select(pl.col(series).fill_null(0)).iter_rows()
    bins = (Bin(low, high - 1, row) for (low, high), row in zip(pairwise(edges), rows, strict=True))
    return Lengths(unit, tuple(bins), tuple(_summary(present, name) for name in series))


def _edges(smallest: int, largest: int) -> list[int]:
    """Edges of the bins that hold all lengths from the smallest to the largest."""
    edges = [*SMALL, *(step * 10**power for power in range(len(str(largest)) + 1) for step in BINS_OF_TEN)]
    first = max(at for at, edge in enumerate(edges) if edge <= smallest)
    last = max(at for at, edge in enumerate(edges) if edge <= largest)
    return edges[first : max(last, first + FEWEST_BINS - 1) + 2]


def _summary(measured: pl.DataFrame, series: str) -> dict[str, float]:
    length = pl.col("length").repeat_by(series).explode()
    quantiles = {name: length.quantile(share, "nearest") for name, share in QUANTILES.items()}
    found = measured.filter(pl.col(series) > 0).select(
        **{"smallest": length.min(), "mean": length.mean(), **quantiles, "largest": length.max()}
    )
    return found.row(0, named=True) if measured[series].sum() else {}


def _languages(measured: pl.DataFrame, series: list[str]) -> tuple[Counted, ...]:
    """Those of most rows by themselves, the others together."""
    counts = measured.group_by("language").agg(pl.col(series).sum()).filter(pl.any_horizontal(pl.col(series) > 0))
    ordered = counts.sort(*series, "language", descending=[*(True for _ in series), False])
    most, rest = ordered.head(MOST_LANGUAGES), ordered.tail(-MOST_LANGUAGES)
    found = [Counted(name, tuple(rows)) for name, *rows in most.select("language", *series).iter_rows()]
    if rest.height:
        found.append(Counted(f"{rest.height} more", rest.select(pl.col(series).sum()).row(0)))
    return tuple(found)


def _repeated(answers: pl.DataFrame, series: list[str]) -> tuple[Counted, ...]:
    """The answers in most rows of the first series."""
    counts = answers.lazy().group_by("output").agg(pl.col(series).sum()).filter(pl.col(series[0]) > 1)
    most = counts.sort(series[0], "output", descending=[True, False]).head(MOST_REPEATED)
    return tuple(Counted(text, tuple(rows)) for text, *rows in most.select("output", *series).collect().iter_rows())


def _cluster_sizes(found: pl.DataFrame) -> tuple[ClusterSize, ...]:
    at = pl.Series(CLUSTER_SIZES).search_sorted(found["size"].cast(pl.Int64), side="right") - 1
    dropped = ((pl.col("size") - 1) * pl.col("clusters")).sum()
    classes = found.group_by(at=at).agg(pl.col("clusters").sum(), dropped=dropped)
    counts = {at: (clusters, dropped) for at, clusters, dropped in classes.iter_rows()}
    above = (*(size - 1 for size in CLUSTER_SIZES[1:]), None)
    return tuple(
        ClusterSize(low, high, *counts.get(at, (0, 0)))
        for at, (low, high) in enumerate(zip(CLUSTER_SIZES, above, strict=True))
        if at <= max(counts)
    )


def _cleaning_steps(facts: Facts) -> tuple[Step, ...]:
    went = {step: (allowed, rows) for step, allowed, rows in facts.went.select("step", "allowed", "rows").iter_rows()}
    left, steps = facts.counts()["rows"], []
    for number, step in enumerate(facts.dataset.config["filters"]):
        allowed, dropped = went.get(number, (None, 0))
        left -= dropped
        steps.append(Step(number, step["name"], allowed or _allowed(step), dropped, left))
    return tuple(steps)


def _allowed(step: Mapping[str, Any]) -> str:
    """The threshold of a filter that dropped nothing, which is in no ledger: in its words, or as it was written."""
    options = {name: value for name, value in step.get("options", {}).items() if value is not None}
    try:
        kind: type[Filter] = variant_class("datakit.filters", step["name"], Filter)  # type: ignore[type-abstract]
        return parse(kind, options, step["name"]).allowed()
    except ConfigError:  # it goes by a file, whose path is not in the config, or is gone
        files = [name for name, _ in step.get("files", [])]
        return ", ".join([*(f"{name}: {value}" for name, value in options.items()), *files])


def _refusals(went: pl.DataFrame) -> tuple[Step, ...]:
    return tuple(Step(step, reason, "", rows, 0) for step, reason, _, rows in went.iter_rows())
