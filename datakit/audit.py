"""Stage audit: what is wrong with these pairs? With --fix a version without the worst of it."""

from collections.abc import Mapping

import polars as pl
from pydantic import JsonValue, ValidationError

from datakit import datasets
from datakit.audit_fix import fix
from datakit.audited import Audited, read_audited
from datakit.auditing import Audit, Finding
from datakit.progress import track
from datakit.store import Store
from rewards.plugins import variant_class, variant_names
from rewards.tokens import load_tokenizer
from schemas.errors import ConfigError, did_you_mean
from schemas.options import AuditOptions
from schemas.report import Report, Table, counted

PACKAGE = "datakit.audits"
SAMPLES = 3
"""Pairs of each warning in the report."""
CLIP = 160
"""Characters of a text in it."""


def audit(dataset: str, options: AuditOptions, *, store: Store) -> Report:
    """Examine the pairs of a data set, built here or ingested; with `fix`, store those that no check refuses.

    Args:
        dataset: its name, or `name@version`.
        options: thresholds, held-out sets, the trainer's tokenizer, and whether to fix.
        store: the store; it is closed while texts are compared.

    Raises:
        NotFoundError: no such data set, or none of a held-out name.
        ConfigError: it has no pairs, or an option does not fit.
    """
    audited, checks, findings = examined(dataset, options, store)
    warnings = [name for name, finding in findings.items() if warns(checks[name], finding)]
    shown = list(findings) if options.details else warnings
    report = Report(
        stage="audit",
        counts={"pairs": audited.pairs.height, "prompts": audited.pairs["prompt_id"].n_unique()},
        notes=_notes({name: checks[name].advice() for name in warnings}, audited.pairs.height),
        tables=(overview(checks, findings), *_details(audited.pairs, {name: findings[name] for name in shown})),
        needs_attention=options.fail_on_warning and (bool(warnings) or audited.pairs.is_empty()),
    )
    report = report.model_copy(update={"counts": {**report.counts, "warnings": len(warnings)}})
    if not options.fix:
        return report
    named = {name: finding.offenders for name, finding in findings.items() if checks[name].drops}
    return fix(audited, named, options, report=report, store=store)


def examined(dataset: str, options: AuditOptions, store: Store) -> tuple[Audited, dict[str, Audit], dict[str, Finding]]:
    """The pairs, the checks, and what each found; nothing where there are no pairs.

    Raises:
        NotFoundError: no such data set.
        ConfigError: it has no pairs, or an option does not fit.
    """
    checks = load_audits(options.threshold)
    tokenizer = load_tokenizer(options.tokenizer) if options.tokenizer else None
    with store.read() as con:
        audited = read_audited(con, datasets.get(con, dataset), options.held_out, tokenizer, options.max_length)
    findings: dict[str, Finding] = {}
    with track("examining", len(checks)) as bar:
        for name, check in checks.items():
            findings[name] = Finding(None, "no pairs") if audited.pairs.is_empty() else check.examine(audited)
            bar.advance()
    return audited, checks, findings


def load_audits(thresholds: Mapping[str, JsonValue]) -> dict[str, Audit]:
    """All checks by name, some with another threshold.

    Raises:
        ConfigError: a threshold is no number, or there is no such check.
    """
    names = variant_names(PACKAGE)
    for name in thresholds.keys() - set(names):
        raise ConfigError(f"--threshold {name}: no such check; {did_you_mean(name, names)}")
    found = {}
    for name in names:
        kind = variant_class(PACKAGE, name, Audit)  # type: ignore[type-abstract]
        given = {"threshold": thresholds[name]} if name in thresholds else {}
        try:
            found[name] = kind.model_validate(given)
        except ValidationError as error:
            raise ConfigError(f"--threshold {name}={thresholds[name]}: a threshold is a number") from error
    return found


def warns(check: Audit, finding: Finding) -> bool:
    """Whether a figure is above its threshold."""
    return finding.figure is not None and finding.figure > check.threshold


def overview(checks: Mapping[str, Audit], findings: Mapping[str, Finding]) -> Table:
    """A row for each check."""
    rows = []
    for name, finding in findings.items():
        verdict = "-" if finding.figure is None else "WARNING" if warns(checks[name], finding) else "ok"
        pairs = finding.offenders.height or None
        rows.append((name, finding.figure, checks[name].threshold, verdict, pairs, finding.says))
    columns = ("check", "figure", "threshold", "", "pairs", "what the figure is")
    return Table(title="what is wrong with these pairs?", columns=columns, rows=tuple(rows))


def _details(pairs: pl.DataFrame, findings: Mapping[str, Finding]) -> tuple[Table, ...]:
    """The figures behind some findings, and the first pairs that they name."""
    tables: list[Table] = []
    for name, finding in findings.items():
        tables += finding.tables
        rows = finding.offenders.head(SAMPLES).join(pairs, on="row", how="left", maintain_order="left")
        if rows.height:
            texts = [pl.col(text).str.head(CLIP) for text in ("prompt", "chosen", "rejected")]
            shown = rows.select(pl.col("row") + 1, "why", *texts).rows()
            title = f"{name}: the first of {counted(finding.offenders.height, 'pairs')}"
            tables.append(
                Table(title=title, columns=("pair", "why", "prompt", "chosen", "rejected"), rows=tuple(shown))
            )
    return tuple(tables)


def _notes(advice: Mapping[str, str], pairs: int) -> tuple[str, ...]:
    if not pairs:
        return ("nothing could be examined: no pairs",)
    said = [f"{name}: {text}" for name, text in advice.items()]
    return (counted(len(said), "warnings"), *said) if said else ("no warning",)
