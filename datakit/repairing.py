"""Rows are repaired: their texts by the repairs, and of the rows that changed, their messages and their ids.

Rows are those of datakit/clean_rows.py. Only what changed passes through Python.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
import polars as pl
import pyarrow as pa

from datakit.identities import imported_id, prompt_id_of
from datakit.repair import Repair
from datakit.text_repairs import TEXTS, repair_texts
from schemas.identity import canonical_json

_TEXTS_SQL = """
    WITH conversations AS (
        SELECT row, 0 AS first, json_extract(messages, '$[*]') AS turns FROM rows
        UNION ALL
        SELECT row, -json_array_length(turns)::INTEGER, json_extract(turns, '$[*]') FROM rows WHERE turns IS NOT NULL
    ), turns AS (
        SELECT row, first + generate_subscripts(turns, 1) - 1 AS part, unnest(turns) AS turn FROM conversations
    )
    SELECT row, part, turn->>'role' AS role, turn->>'content' AS text FROM turns
    WHERE json_type(turn->'content') = 'VARCHAR'
    UNION ALL
    SELECT row, -1, 'assistant', text FROM rows WHERE turns IS NULL
    ORDER BY row, part
"""
_REBUILT = ("row", "prompt_id", "candidate_id", "messages", "text", "turns")


@dataclass(frozen=True)
class Repaired:
    """All rows, and what was changed in them."""

    rows: pl.DataFrame
    """The rows as they are now; `stored_id` is the candidate that a row was before."""
    changes: pl.DataFrame
    """row, part, repair, before, after: one row a change, in the order in which they were made."""

    def ledger(self) -> pa.Table:
        """One row a change, named by the candidate that it began with."""
        rows = self.rows.select("row", "source", "line", item_id="stored_id")
        with duckdb.connect() as con:
            con.register("changes", self.changes.join(rows, on="row", maintain_order="left"))
            return con.execute("""
                SELECT 'repaired' AS reason, json_object('repair', repair, 'row', row, 'part', part,
                    'before', before, 'after', after) AS detail, item_id, source, line FROM changes
            """).to_arrow_table()


def repair_rows(rows: pl.DataFrame, repairs: Sequence[tuple[str, Repair]]) -> Repaired:
    """Repair the rows of an SFT set.

    Args:
        rows: as `datakit.clean_rows.read_rows` gives them.
        repairs: with their names, in the order in which they are to run.
    """
    marked = rows.with_columns(stored_id=pl.coalesce("candidate_id", "prompt_id"))
    if not repairs:
        return Repaired(marked, repair_texts(pl.DataFrame(schema=TEXTS), []).changes)
    texts, changes = repair_texts(texts_of(rows), repairs)
    return Repaired(marked.update(rebuilt(rows, texts), on="row"), changes)


def texts_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The texts of all turns (schema `TEXTS`), those of the answer included; what is not a text is left out."""
    with duckdb.connect() as con:
        con.register("rows", rows.select("row", "messages", "text", "turns"))
        return con.execute(_TEXTS_SQL).pl().cast({"row": pl.UInt32, "part": pl.Int32})


def rebuilt(rows: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """The rows of these texts, with the texts in their messages and the ids that this makes.

    Args:
        rows: all rows.
        texts: row, part, text: the texts that changed.

    Returns:
        row, prompt_id, candidate_id, messages, text, turns; the rows of other texts are not in it.
    """
    changed = texts.group_by("row").agg("part", new="text").join(rows, on="row")
    made = [
        (row, *_rebuilt(dict(zip(parts, new, strict=True)), _Stored(*stored)))
        for row, parts, new, *stored in changed.select("row", "part", "new", *_Stored._fields).iter_rows()
    ]
    return pl.DataFrame(made, schema={name: rows.schema[name] for name in _REBUILT}, orient="row")


class _Stored(NamedTuple):
    """What a row was made of."""

    prompt_id: str
    recipe_id: str
    messages: str
    tools: str | None
    text: str
    turns: str | None


def _rebuilt(new: dict[int, str], stored: _Stored) -> tuple[str, str, str, str, str | None]:
    """prompt_id, candidate_id, messages, text and turns of a row, some of whose texts are new."""
    prompt_id, recipe_id, messages, tools, text, turns = stored
    asked = {part: text for part, text in new.items() if part >= 0}
    if asked:
        messages = _with_texts(messages, asked)
        prompt_id = prompt_id_of(messages, tools)
    if turns is not None and len(asked) < len(new):
        turns = _with_texts(turns, {part: text for part, text in new.items() if part < 0})
    text = new.get(-1, text)
    return prompt_id, imported_id(prompt_id, recipe_id, text, turns), messages, text, turns


def _with_texts(messages: str, new: dict[int, str]) -> str:
    """A conversation with some of its texts replaced."""
    turns = json.loads(messages)
    for part, text in new.items():
        turns[part]["content"] = text
    return canonical_json(turns)
