"""Stage diagnose: is this reward being hacked, or useless?"""

from collections.abc import Mapping

import numpy as np
from pydantic import JsonValue, ValidationError

from datakit import datasets
from datakit.diagnosis import Diagnosis, Finding
from datakit.inputs import columns_of
from datakit.progress import track
from datakit.scored import Scored, read_scored
from datakit.store import Store
from rewards.plugins import variant_class, variant_names
from rewards.spec import Reward
from schemas.errors import ConfigError, did_you_mean
from schemas.options import DiagnoseOptions, GroupOptions
from schemas.report import Report, Table, counted

PACKAGE = "datakit.diagnoses"
OF_SCORERS = ("failures", "saturation")
"""Diagnoses that a single answer satisfies: they say whether scorers work, and nothing about the reward."""


def diagnose(
    dataset: str,
    options: DiagnoseOptions,
    *,
    reward: Reward,
    groups: GroupOptions,
    store: Store,
) -> Report:
    """Examine the rewards of a scored data set; nothing is written.

    Args:
        dataset: its name, or `name@version`.
        options: thresholds, the harmless prompts, how many texts are read.
        reward: what the outcomes are combined to; its scorers' outcomes must be stored.
        groups: which candidates.
        store: the store.

    Raises:
        NotFoundError: no such data set or recipe.
        ConfigError: an option does not fit.
    """
    diagnoses = load_diagnoses(options.threshold)
    with store.read() as con:
        found = datasets.get(con, dataset)
        _check_benign(options, columns_of(con, found))
        scored = read_scored(con, found, reward, groups, benign=options.benign, sample=options.sample)
        findings: dict[str, Finding] = {}
        with track("examining", len(diagnoses)) as bar:
            for name, diagnosis in diagnoses.items():
                findings[name] = diagnosis.examine(scored)
                bar.advance()
    warnings = [name for name, finding in findings.items() if _warns(diagnoses[name], finding)]
    nothing = _nothing(scored, findings)
    counts = {
        "candidates": len(scored.group),
        "with reward": int((scored.rewards == scored.rewards).sum()),
        "groups": int(scored.group[-1]) + 1 if len(scored.group) else 0,
        "with spread": len(scored.best),
        "warnings": len(warnings) + bool(nothing),
    }
    shown = list(findings) if options.details else warnings
    return Report(
        stage="diagnose",
        counts=counts,
        notes=_notes({name: diagnoses[name].advice() for name in warnings}, nothing),
        tables=(_overview(diagnoses, findings), *(table for name in shown for table in findings[name].tables)),
        needs_attention=options.fail_on_warning and counts["warnings"] > 0,
    )


def load_diagnoses(thresholds: Mapping[str, JsonValue]) -> dict[str, Diagnosis]:
    """All diagnoses by name, some with another threshold.

    Raises:
        ConfigError: a threshold is no number, or there is no such diagnosis.
    """
    names = variant_names(PACKAGE)
    for name in thresholds.keys() - set(names):
        raise ConfigError(f"--threshold {name}: no such diagnosis; {did_you_mean(name, names)}")
    found = {}
    for name in names:
        kind = variant_class(PACKAGE, name, Diagnosis)  # type: ignore[type-abstract]
        given = {"threshold": thresholds[name]} if name in thresholds else {}
        try:
            found[name] = kind.model_validate(given)
        except ValidationError as error:
            raise ConfigError(f"--threshold {name}={thresholds[name]}: a threshold is a number") from error
    return found


def _check_benign(options: DiagnoseOptions, columns: list[str]) -> None:
    for column in options.benign.keys() - set(columns):
        raise ConfigError(f"--benign {column}: the data set has no such column; {did_you_mean(column, columns)}")


def _warns(diagnosis: Diagnosis, finding: Finding) -> bool:
    return finding.figure is not None and finding.figure > diagnosis.threshold


def _overview(diagnoses: Mapping[str, Diagnosis], findings: Mapping[str, Finding]) -> Table:
    rows = []
    for name, finding in findings.items():
        verdict = "-" if finding.figure is None else "WARNING" if _warns(diagnoses[name], finding) else "ok"
        rows.append((name, finding.figure, diagnoses[name].threshold, verdict, finding.says))
    columns = ("diagnosis", "figure", "threshold", "", "what the figure is")
    return Table(title="is the reward hacked, or useless?", columns=columns, rows=tuple(rows))


def _nothing(scored: Scored, findings: Mapping[str, Finding]) -> str:
    """Why nothing could be examined; empty if something was. Silence would pass for a clean bill of health."""
    if not len(scored.group):
        return "no candidates"
    if np.isnan(scored.rewards).all():
        if (scored.statuses >= 0).any():
            return "no candidate has a reward, for every one a scorer failed, was skipped or was not run"
        return "no candidate has a reward: run `datakit score` with the same rules first"
    if not any(findings[name].figure is not None for name in findings if name not in OF_SCORERS):
        return "too few answers with a reward"
    return ""


def _notes(advice: Mapping[str, str], nothing: str) -> tuple[str, ...]:
    said = [f"nothing could be examined: {nothing}"] if nothing else []
    said += [f"{name}: {text}" for name, text in advice.items()]
    return (counted(len(said), "warnings"), *said) if said else ("no warning",)
