"""Checks on the texts of proposed pairs: how far they are apart, and what the trainer's max_length leaves of them.

They may take minutes, and other commands write to the store meanwhile: the texts go to a file beside, and the store is
closed while they are checked.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from datakit.answers import messages_sql, stripped_sql
from datakit.progress import track
from datakit.reasons import Reason
from datakit.tool_calls import with_objects
from rewards.tokens import ChatTokenizer, Fate, PairText, differ_after_truncation

BATCH = 8192
"""Pairs whose texts are held at once."""

VERDICTS = pa.schema([("chosen_id", pa.string()), ("rejected_id", pa.string()), ("reason", pa.string())])
"""A checked pair, with the reason why it is none, or null."""


@dataclass(frozen=True, slots=True)
class TextChecks:
    """What the texts of a pair must satisfy."""

    min_distance: float = 0.0
    tokenizer: ChatTokenizer | None = None
    max_length: int = 1024

    def run(self, file: Path) -> pa.Table:
        """Check the pairs that `write_unchecked` wrote; returns their verdicts."""
        found = [VERDICTS.empty_table()]
        for batch in _batches(file):
            reasons: list[str | None] = [None] * batch.num_rows
            if self.min_distance > 0:
                reasons = self._distances(batch)
            if self.tokenizer is not None:
                reasons = [near or same for near, same in zip(reasons, self._tokens(batch), strict=True)]
            ids = [batch["chosen_id"], batch["rejected_id"]]
            found.append(pa.table([*ids, pa.array(reasons, pa.string())], schema=VERDICTS))
        return pa.concat_tables(found)

    def _distances(self, batch: pa.RecordBatch) -> list[str | None]:
        """The normalised edit distance: 0 for equal texts, 1 for texts that have nothing in common."""
        distances = cpdist(
            batch["chosen"].to_pylist(),
            batch["rejected"].to_pylist(),
            scorer=Levenshtein.normalized_distance,
            dtype=np.float64,
            workers=-1,
        )
        return [Reason.TOO_SIMILAR if distance < self.min_distance else None for distance in distances]

    def _tokens(self, batch: pa.RecordBatch) -> list[str | None]:
        if self.tokenizer is None:
            return [None] * batch.num_rows
        rows = batch.select(["prompt", "chosen_turns", "rejected_turns", "tools"]).to_pylist()
        pairs = [
            PairText(
                prompt=with_objects(json.loads(row["prompt"])),
                chosen=with_objects(json.loads(row["chosen_turns"])),
                rejected=with_objects(json.loads(row["rejected_turns"])),
                tools=_parsed(row["tools"]),
            )
            for row in rows
        ]
        fates = differ_after_truncation(self.tokenizer, pairs, self.max_length)
        return [None if fate is Fate.DIFFER else Reason(fate) for fate in fates]


def apply_verdicts(con: duckdb.DuckDBPyConnection, verdicts: pa.Table) -> None:
    """Note on `proposals` what was found out about their texts."""
    if verdicts.num_rows == 0:
        return
    con.register("verdicts", verdicts)
    con.execute("""
        UPDATE proposals SET refused = coalesce(refused, reason), checked = true FROM verdicts
        WHERE proposals.chosen_id = verdicts.chosen_id::UUID AND proposals.rejected_id = verdicts.rejected_id::UUID
    """)
    con.unregister("verdicts")


def write_unchecked(con: duckdb.DuckDBPyConnection, checks: TextChecks, file: Path) -> bool:
    """Write what the checks read of the proposals that are still good and not checked yet; False if there are none."""
    texts, turns = "", ""
    if checks.min_distance > 0:
        texts = f", {stripped_sql('c.text')} AS chosen, {stripped_sql('r.text')} AS rejected"
    if checks.tokenizer is not None:
        turns = f""", p.messages::VARCHAR AS prompt, p.tools::VARCHAR AS tools,
            {messages_sql("c.text", "c.messages")}::VARCHAR AS chosen_turns,
            {messages_sql("r.text", "r.messages")}::VARCHAR AS rejected_turns"""
    if not (texts or turns):
        return False
    row = con.execute(f"""
        COPY (
            SELECT chosen_id::VARCHAR AS chosen_id, rejected_id::VARCHAR AS rejected_id {texts} {turns}
            FROM (FROM proposals WHERE refused IS NULL AND NOT checked) q
            JOIN places USING (position) JOIN prompts p USING (prompt_id)
            JOIN candidates c ON c.candidate_id = q.chosen_id JOIN candidates r ON r.candidate_id = q.rejected_id
        ) TO '{str(file).replace("'", "''")}' (FORMAT parquet, ROW_GROUP_SIZE {BATCH})
    """).fetchone()
    return bool(row and row[0])


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(file) as source, track("checking texts", source.metadata.num_rows, unit="pairs") as bar:
        for batch in source.iter_batches(BATCH):
            yield batch
            bar.advance(batch.num_rows, batch.num_rows)


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)
