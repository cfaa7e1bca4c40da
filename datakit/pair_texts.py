"""Checks on the texts of proposed pairs: how far they are apart, and what the trainer's max_length leaves of them."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from datakit.answers import messages_sql, stripped_sql
from datakit.matching import refuse
from datakit.progress import track
from datakit.reasons import Reason
from rewards.tokens import ChatTokenizer, Fate, PairText, differ_after_truncation

BATCH = 8192
"""Pairs whose texts are held at once."""


def refuse_similar(con: duckdb.DuckDBPyConnection, min_distance: float) -> None:
    """Refuse proposals whose texts, after strip, are closer: normalised edit distance, 0 where they are equal."""
    texts = f"{stripped_sql('c.text')} AS chosen, {stripped_sql('r.text')} AS rejected"
    refusals = []
    for batch in _batches(con, texts, "measuring distances"):
        distance = cpdist(
            batch["chosen"].to_pylist(),
            batch["rejected"].to_pylist(),
            scorer=Levenshtein.normalized_distance,
            dtype=np.float64,
            workers=-1,
        )
        refusals.append(_refusals(batch, [Reason.TOO_SIMILAR if d < min_distance else None for d in distance]))
    refuse(con, pa.concat_tables(refusals) if refusals else _NONE)


def refuse_same_tokens(con: duckdb.DuckDBPyConnection, tokenizer: ChatTokenizer, max_length: int) -> None:
    """Refuse proposals of which the trainer would see two equal sides, or nothing but the prompt."""
    texts = f"""
        p.messages AS prompt, p.tools AS tools,
        {messages_sql("c.text", "c.messages")} AS chosen, {messages_sql("r.text", "r.messages")} AS rejected
    """
    refusals = []
    for batch in _batches(con, texts, "checking tokens"):
        rows = batch.select(["prompt", "chosen", "rejected", "tools"]).to_pylist()
        pairs = [PairText(**{name: _parsed(text) for name, text in row.items()}) for row in rows]
        fates = differ_after_truncation(tokenizer, pairs, max_length)
        refusals.append(_refusals(batch, [None if fate is Fate.DIFFER else Reason(fate) for fate in fates]))
    refuse(con, pa.concat_tables(refusals) if refusals else _NONE)


_NONE = pa.table({name: pa.array([], pa.string()) for name in ("chosen_id", "rejected_id", "reason")})


def _batches(con: duckdb.DuckDBPyConnection, texts: str, label: str) -> Iterator[pa.RecordBatch]:
    """The proposals that are still good, with what a check reads of them."""
    row = con.execute("SELECT count(*) FROM proposals WHERE refused IS NULL").fetchone()
    reader = con.execute(f"""
        SELECT chosen_id::VARCHAR AS chosen_id, rejected_id::VARCHAR AS rejected_id, {texts}
        FROM (FROM proposals WHERE refused IS NULL) q
        JOIN prompts p USING (prompt_id)
        JOIN candidates c ON c.candidate_id = q.chosen_id JOIN candidates r ON r.candidate_id = q.rejected_id
    """).to_arrow_reader(BATCH)
    with track(label, row[0] if row else None, unit="pairs") as bar:
        for batch in reader:
            yield batch
            bar.advance(batch.num_rows, batch.num_rows)


def _refusals(batch: pa.RecordBatch, reasons: list[Reason | None]) -> pa.Table:
    found = pa.Table.from_batches([batch.select(["chosen_id", "rejected_id"])])
    return found.append_column("reason", pa.array(reasons, pa.string())).drop_null()


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)
