"""The page about a pair set: the figure of each check, lengths, margins, and pairs of each problem."""

from collections.abc import Mapping

import polars as pl

from datakit.audit import warns
from datakit.audited import Audited
from datakit.auditing import Audit, Finding
from datakit.report_charts import Histogram, histogram
from datakit.report_figures import Bin, Lengths, lengths_of
from datakit.report_page import template
from datakit.report_rows import EXAMPLES, LONGEST

SIDES = ("rejected", "chosen")
"""The series of the charts: the wide bars, and the narrow ones before them."""
MARGIN_BINS = 20
SMALL = 0.001
"""A figure below this is written with an exponent."""


def render(audited: Audited, checks: Mapping[str, Audit], findings: Mapping[str, Finding]) -> str:
    """The page as HTML."""
    pairs = audited.pairs
    problems = {
        name: pairs.join(finding.offenders.head(EXAMPLES), on="row").sort("row").rows(named=True)
        for name, finding in findings.items()
    }
    return template("audit.html.jinja").render(
        dataset=str(audited.dataset),
        source=str(audited.dataset.config.get("source", "")),
        pairs=pairs.height,
        prompts=pairs["prompt_id"].n_unique(),
        checks=checks,
        findings=findings,
        warnings=[name for name, finding in findings.items() if warns(checks[name], finding)],
        shown=[name for name, finding in findings.items() if finding.tables or finding.offenders.height],
        problems=problems,
        lengths=_lengths(pairs),
        margins=_margins(pairs["margin"].drop_nulls()),
        series=("before", "after"),  # the colours of SIDES
        longest=LONGEST,
        cell=_cell,
    )


def _lengths(pairs: pl.DataFrame) -> Histogram | None:
    """Characters of both sides."""
    counts = [
        pairs.select(length=pl.col(side).str.len_chars())
        .group_by("length")
        .agg(**{other: pl.len() if other == side else pl.lit(0, pl.UInt32) for other in SIDES})
        for side in SIDES
    ]
    measured = pl.concat([count.select(*SIDES, "length") for count in counts])
    found = lengths_of(measured, "characters")
    return histogram(found, SIDES) if found.bins else None


def _margins(margins: pl.Series) -> tuple[Histogram, float] | None:
    """Margins in percent of the largest one, and that one."""
    largest = float(margins.max() or 0.0)  # type: ignore[arg-type]
    if largest <= 0:
        return None
    width = 100 // MARGIN_BINS
    place = (margins / largest * MARGIN_BINS).floor().clip(0, MARGIN_BINS - 1).cast(pl.Int64)
    counts = dict(place.value_counts().iter_rows())
    bins = tuple(Bin(at * width, (at + 1) * width, (counts.get(at, 0),)) for at in range(MARGIN_BINS))
    return histogram(Lengths("% of the largest margin", bins, ()), ("",)), largest


def _cell(value: object) -> str:
    """A value of a table, as people write it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) >= SMALL or value == 0 else f"{value:.2g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
