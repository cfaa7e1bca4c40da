"""A pair set without the pairs that its audit refuses, as a data set of its own, with a ledger row for each of them."""

from collections.abc import Mapping
from typing import Any

import duckdb
import polars as pl

from datakit import datasets
from datakit.audited import Audited
from datakit.auditing import OFFENDERS
from datakit.datasets import Dataset
from datakit.derived import check_name
from datakit.run import Run
from datakit.store import Store, insert
from schemas.identity import canonical_json, content_id
from schemas.options import AuditOptions
from schemas.report import Report

STRATEGY = "ingested"
"""What the pairs of a file are said to be made by."""


def fix(
    audited: Audited,
    named: Mapping[str, pl.DataFrame],
    options: AuditOptions,
    *,
    report: Report,
    store: Store,
) -> Report:
    """Store the pairs that no check names: a version of the same set, or a set `NAME-fixed` of an ingested file.

    Args:
        audited: the pairs.
        named: by check: the pairs to be left out; the first check that names a pair is its reason.
        options: what was asked; with the pairs it makes the identity of the result.
        report: of the audit.
        store: where it goes.

    Raises:
        ConfigError: the name belongs to a set of another kind.
    """
    source = audited.dataset
    name = options.name or (source.name if source.kind == "pairs" else f"{source.name}-fixed")
    dropped = _dropped(audited, named)
    kept = audited.pairs.join(dropped, on="row", how="anti").sort("row")
    reasons = dict(dropped["reason"].value_counts(sort=True).iter_rows())
    report = report.model_copy(update={"dataset": name, "reasons": reasons, "counts": _counts(audited, kept, report)})
    config = _config(source, kept, options)
    with store.read() as con:
        check_name(con, name, "pairs")
        newest = datasets.find(con, name)
    if newest and (newest.config.get("audit") == config["audit"] or (newest == source and dropped.is_empty())):
        note = f"nothing to do: {newest} is just this already"
        return report.model_copy(update={"version": newest.version, "notes": (*report.notes, note)})
    params = {"as": name, "held_out": list(options.held_out), "threshold": options.threshold}
    with Run(store, "audit", params=params, inputs={"dataset": str(source)}) as run:
        with run.transaction() as con:
            version = datasets.next_version(con, name)
            _insert(con, source, kept, (name, version, run.run_id))
            run.ledger(con, dropped.select("reason", "detail", "item_id").to_arrow())
            con.execute(
                "INSERT INTO datasets VALUES (?, ?, 'pairs', ?, ?)", [name, version, run.run_id, canonical_json(config)]
            )
        run.counts.update(report.counts)
    empty = kept.is_empty()
    return report.model_copy(
        update={"version": version, "run_id": run.run_id, "needs_attention": report.needs_attention or empty}
    )


def _dropped(audited: Audited, named: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """row, reason, detail, item_id: each pair once."""
    parts = [offenders.with_columns(reason=pl.lit(name)) for name, offenders in named.items()]
    first = pl.concat([pl.DataFrame(schema={**OFFENDERS, "reason": pl.String}), *parts]).unique(
        "row", keep="first", maintain_order=True
    )
    rows = first.join(audited.pairs.select("row", "pair_id", "prompt_id"), on="row")
    detail = pl.format("pair {}: {}", "pair_id", "why")
    return rows.select("row", "reason", detail=detail, item_id="prompt_id").sort("row")


def _counts(audited: Audited, kept: pl.DataFrame, report: Report) -> dict[str, int]:
    """pairs = kept + dropped; prompts = prompts kept + prompts dropped."""
    prompts, left = audited.pairs["prompt_id"].n_unique(), kept["prompt_id"].n_unique()
    pairs = {"pairs": audited.pairs.height, "kept": kept.height, "dropped": audited.pairs.height - kept.height}
    whole = {"prompts": prompts, "prompts kept": left, "prompts dropped": prompts - left}
    return {**pairs, **whole, "warnings": report.counts["warnings"]}


def _config(source: Dataset, kept: pl.DataFrame, options: AuditOptions) -> dict[str, Any]:
    """That of the source where it was built here, so that the prompts that it was made from stay known."""
    ids = [kept[name].to_list() for name in ("chosen_id", "rejected_id")]
    audit = {"of": source.name, "content": content_id(ids), "held_out": list(options.held_out)}
    inherited = source.config if source.kind == "pairs" else {"source": str(source)}
    return {**inherited, "audit": audit}


def _insert(con: duckdb.DuckDBPyConnection, source: Dataset, kept: pl.DataFrame, target: tuple[str, int, str]) -> None:
    name, version, run_id = target
    ids = kept.select("pair_id", "prompt_id", "chosen_id", "rejected_id")
    if source.kind != "pairs":
        constants = {"dataset": name, "version": version, "strategy": STRATEGY, "run_id": run_id}
        insert(con, "pairs", ids.with_columns(pl.lit(value).alias(key) for key, value in constants.items()).to_arrow())
        return
    con.register("kept", ids.to_arrow())
    con.execute(
        """
        INSERT INTO pairs BY NAME
        SELECT * REPLACE ($name AS dataset, $version AS version, $run AS run_id) FROM pairs
        WHERE dataset = $source AND version = $of AND pair_id IN (SELECT pair_id::UUID FROM kept) ORDER BY rowid
        """,
        {"name": name, "version": version, "run": run_id, "source": source.name, "of": source.version},
    )
    con.unregister("kept")
