"""What an evaluation prints: tables and lines for people, figures for machines."""

from collections.abc import Iterator, Sequence
from typing import Any

from datakit.bootstrap import Estimate
from datakit.evaluate_figures import MATCHED, Comparison, Difference, Style
from datakit.evaluate_models import Subject
from schemas.report import Table, counted

ALL = "(all)"
"""What the reward itself is called among its scorers."""


def tables(subjects: Sequence[Subject], comparisons: Sequence[Comparison], found: Sequence[Style]) -> tuple[Table, ...]:
    """For people: means, differences, answers."""
    labels = [subject.label for subject in subjects]
    shown = [_means(one, labels) for one in comparisons]
    if len(subjects) > 1:
        shown += [_differences(one, labels) for one in comparisons]
    return (*shown, _answers(found, labels))


def interval(estimate: Estimate) -> str:
    """The ends of an interval as people read them."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{estimate.low:.3g}, {estimate.high:.3g}]"


def title(comparison: Comparison) -> str:
    """What a comparison goes by."""
    return f"{'guard' if comparison.is_guard else 'reward'} {comparison.name}"


def _means(comparison: Comparison, labels: Sequence[str]) -> Table:
    skips = any(mean.skipped for mean in comparison.means)
    rows = (
        (
            mean.scorer or ALL,
            labels[mean.model],
            _short(mean.estimate.mean),
            interval(mean.estimate),
            mean.estimate.prompts,
            mean.answers,
            *((mean.skipped,) if skips else ()),
            mean.failed,
        )
        for mean in comparison.means
    )
    columns = (
        "scorer",
        "model",
        "mean",
        "95 % interval",
        "prompts",
        "answers",
        *(("skipped",) if skips else ()),
        "failed",
    )
    return Table(title=f"{title(comparison)}: means", columns=columns, rows=tuple(rows))


def _differences(comparison: Comparison, labels: Sequence[str]) -> Table:
    rows = [row for one in comparison.differences for row in _difference(one, labels)]
    columns = ("scorer", "model", "figure", "", "95 % interval", "prompts")
    heading = f"{title(comparison)}: against {labels[0]}, paired by prompt"
    return Table(title=heading, columns=columns, rows=tuple(rows))


def _difference(one: Difference, labels: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """A line a figure; of single scorers those at like length are only on the page and in the figures."""
    lines = {"difference": one.difference, "wins": one.wins}
    if one.scorer is None:
        lines["difference at like length"] = one.matched
    for name, found in lines.items():
        yield one.scorer or ALL, labels[one.model], name, _short(found.mean), interval(found), found.prompts


def _answers(found: Sequence[Style], labels: Sequence[str]) -> Table:
    rows = (
        (
            labels[style.model],
            style.answers,
            *(_short(value, 1) for value in (style.chars, style.tokens)),
            *(_short(value) for value in (style.truncated, style.refusing, style.degenerate)),
        )
        for style in found
    )
    columns = ("model", "answers", "characters", "tokens", "truncated", "refusing", "degenerate")
    return Table(title="answers: mean lengths, and the shares of them that are ...", columns=columns, rows=tuple(rows))


def verdicts(subjects: Sequence[Subject], comparisons: Sequence[Comparison], found: Sequence[Style]) -> Iterator[str]:
    """The lines that a person reads first."""
    labels = [subject.label for subject in subjects]
    for style in found:
        if not style.chars:
            yield f"{labels[style.model]}: every answer is empty"
    for place in range(1, len(subjects)):
        totals = {one.is_guard: one.total[place - 1] for one in comparisons}
        for comparison in comparisons:
            yield _verdict(title(comparison), totals[comparison.is_guard], labels)
        yield from _suspicions(labels[place], totals)


def _verdict(judge: str, one: Difference, labels: Sequence[str]) -> str:
    who = f"{labels[one.model]} against {labels[0]}, {judge}: "
    if one.difference.mean is None:
        return f"{who}no prompt on which both have a reward"
    within = f" {interval(one.difference)}".rstrip()
    wins = f"{100 * (one.wins.mean or 0):.3g} % wins"
    return f"{who}{one.difference.mean:+.3g}{within}, {wins}, {counted(one.difference.prompts, 'prompts')}"


def _suspicions(label: str, totals: dict[bool, Difference]) -> Iterator[str]:
    """A gain that the guard or the lengths speak against."""
    if not _above(totals[False].difference):
        return
    if True in totals and (totals[True].difference.high or 0) < 0:
        yield f"warning: {label} rose by the reward and fell by the guard: look for reward hacking"
    matched = totals[False].matched
    if matched.mean is None or matched.low is None:
        yield f"warning: {label} answers nearly every prompt at another length: its gain may be a gain in length"
    elif not _above(matched):
        yield (
            f"warning: at like length (less than {MATCHED:.0%} apart) the gain of {label} is not there, or cannot be "
            f"told from chance: {matched.mean:+.3g} {interval(matched)}"
        )


def _above(estimate: Estimate) -> bool:
    return (estimate.low or 0) > 0


def _short(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def figures(
    subjects: Sequence[Subject], comparisons: Sequence[Comparison], found: Sequence[Style]
) -> dict[str, list[dict[str, Any]]]:
    """For machines, unrounded: models, means, differences (wins and matched beside), answers."""
    given = [subject.given for subject in subjects]
    judged = [({"reward": one.name, "guard": one.is_guard}, one) for one in comparisons]
    return {
        "models": [
            {
                "model": subject.given,
                "label": subject.label,
                "base": subject.recipe.model,
                "adapter": subject.recipe.options.adapter,
                "revision": subject.recipe.revision,
                "recipe": subject.recipe.recipe_id,
            }
            for subject in subjects
        ],
        "means": [
            {
                **judge,
                "scorer": mean.scorer,
                "model": given[mean.model],
                **_numbers(mean.estimate),
                "answers": mean.answers,
                "skipped": mean.skipped,
                "failed": mean.failed,
            }
            for judge, one in judged
            for mean in one.means
        ],
        "differences": [
            {
                **judge,
                "scorer": difference.scorer,
                "model": given[difference.model],
                "against": given[0],
                **_numbers(difference.difference),
                "wins": _numbers(difference.wins),
                "matched": _numbers(difference.matched),
            }
            for judge, one in judged
            for difference in one.differences
        ],
        "answers": [
            {
                "model": given[style.model],
                "answers": style.answers,
                "characters": style.chars,
                "tokens": style.tokens,
                "truncated": style.truncated,
                "refusing": style.refusing,
                "degenerate": style.degenerate,
            }
            for style in found
        ],
    }


def _numbers(estimate: Estimate) -> dict[str, float | int | None]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "prompts": estimate.prompts}
