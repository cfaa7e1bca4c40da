"""A pair set as its audit sees it: one read, all in memory, so that the store is closed while texts are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from datakit import datasets
from datakit.clean_rows import features_of
from datakit.datasets import Dataset
from datakit.trl_rows import PREFERENCE, create_exported
from rewards.tokens import ChatTokenizer
from schemas.errors import ConfigError

_SAID = """CASE WHEN {0}.messages IS NULL THEN {0}.text
    WHEN json_array_length({0}.messages) > 1 THEN {0}.messages::VARCHAR
    ELSE concat_ws(chr(10), {0}.text, {0}.messages->0->>'tool_calls') END"""
"""All that an answer says: its text, its tool calls, all of its turns if it has several."""
_MARGIN = {True: "e.chosen_reward, e.rejected_reward, e.margin", False: "NULL::DOUBLE, NULL::DOUBLE, NULL::DOUBLE"}
_PAIRS = """
    SELECT (e.row - 1)::UINTEGER AS row, e.id::VARCHAR AS pair_id, e.prompt_id::VARCHAR AS prompt_id,
        e.chosen_id::VARCHAR AS chosen_id, e.rejected_id::VARCHAR AS rejected_id,
        p.messages::VARCHAR AS messages, p.tools::VARCHAR AS tools,
        c.text AS chosen, r.text AS rejected, {chosen} AS chosen_said, {rejected} AS rejected_said,
        c.messages::VARCHAR AS chosen_turns, r.messages::VARCHAR AS rejected_turns,
        c.finish_reason AS chosen_finish, r.finish_reason AS rejected_finish, {margin}
    FROM exported e JOIN prompts p USING (prompt_id)
        JOIN candidates c ON c.candidate_id = e.chosen_id JOIN candidates r ON r.candidate_id = e.rejected_id
    ORDER BY e.row
"""
_VERDICTS = """
    SELECT c.prompt_id::VARCHAR AS prompt_id, s.name AS rater, least(left_id, right_id)::VARCHAR AS one,
        greatest(left_id, right_id)::VARCHAR AS other,
        CASE WHEN verdict = 'tie' THEN 0 WHEN (verdict = 'left') = (left_id < right_id) THEN 1 ELSE -1 END AS verdict
    FROM comparisons c JOIN scorers s USING (scorer_id)
    WHERE c.status = 'ok' AND s.kind IN ('human', 'imported')
        AND left_id IN (FROM answers) AND right_id IN (FROM answers)
    ORDER BY ALL
"""
_ANSWERS = """
    CREATE OR REPLACE TEMP TABLE answers AS
    SELECT chosen_id AS id FROM exported UNION SELECT rejected_id FROM exported
    UNION SELECT candidate_id FROM members
    WHERE dataset = ? AND version = ? AND candidate_id IS NOT NULL AND ? = 'examples'
"""
_PROMPTS = """
    SELECT DISTINCT p.prompt_id::VARCHAR AS prompt_id, p.messages::VARCHAR AS messages FROM prompts p
    WHERE p.prompt_id IN (
        SELECT prompt_id FROM members WHERE dataset = $name AND version = $version
        UNION SELECT prompt_id FROM pairs WHERE dataset = $name AND version = $version
        UNION SELECT prompt_id FROM selections WHERE dataset = $name AND version = $version
    ) ORDER BY ALL
"""


@dataclass(frozen=True)
class Audited:
    """The pairs of a data set."""

    dataset: Dataset
    pairs: pl.DataFrame
    """row (from 0), ids, prompt (its last user turn), context (all of it), key (the same for prompts that differ in
    white space only), chosen and rejected (texts), chosen_said and rejected_said (with tool calls and all turns),
    *_finish, *_turns, messages, tools, chosen_reward, rejected_reward, margin (null where there is none)."""
    verdicts: pl.DataFrame
    """What each rater said of two answers: prompt_id, rater, one, other, verdict (1, -1, 0 for a tie)."""
    held_out: pl.DataFrame
    """Prompts that are not to be trained on: name, prompt, context, key."""
    tokenizer: ChatTokenizer | None = None
    max_length: int = 1024


def spaced(text: pl.Expr) -> pl.Expr:
    """A text in which white space is one space each."""
    return text.str.replace_all(r"[\s\p{Z}]+", " ").str.strip_chars()


def read_audited(
    con: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    held_out: Sequence[str],
    tokenizer: ChatTokenizer | None,
    max_length: int,
) -> Audited:
    """Read the pairs, what was said of them, and the held-out prompts.

    Raises:
        ConfigError: it is no set of pairs.
        NotFoundError: a held-out set is not in the store.
    """
    if create_exported(con, dataset) != PREFERENCE:
        raise ConfigError(
            f"{dataset} is a {dataset.kind} set without pairs; build-pairs or a preference file makes them"
        )
    query = _PAIRS.format(chosen=_SAID.format("c"), rejected=_SAID.format("r"), margin=_MARGIN[dataset.kind == "pairs"])
    found: pl.DataFrame = con.execute(query).pl()
    found = found.rename(dict(zip(found.columns[-3:], ("chosen_reward", "rejected_reward", "margin"), strict=True)))
    con.execute(_ANSWERS, [dataset.name, dataset.version, dataset.kind])
    return Audited(
        dataset=dataset,
        pairs=_with_prompts(found),
        verdicts=con.execute(_VERDICTS).pl(),
        held_out=pl.concat([_held_out(con, datasets.get(con, name)) for name in ("", *held_out) if name] or [_none()]),
        tokenizer=tokenizer,
        max_length=max_length,
    )


def _with_prompts(frame: pl.DataFrame) -> pl.DataFrame:
    """With prompt, context and key."""
    once = frame.select("prompt_id", "messages", "tools").unique("prompt_id", maintain_order=True)
    null = pl.lit(None, pl.String)
    rows = once.with_row_index("row").with_columns(
        candidate_id=null, text=pl.lit(""), turns=null, columns=null, source=null, line=null, recipe_id=null
    )
    features = features_of(rows, {"prompt", "context"}, None)
    keyed = once.select("prompt_id", "tools").hstack(features.select("prompt", "context"))
    key = pl.concat_str(spaced(pl.col("context")), pl.col("tools").fill_null(""), separator="\n").hash()
    return frame.join(keyed.select("prompt_id", "prompt", "context", key=key), on="prompt_id", maintain_order="left")


def _held_out(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> pl.DataFrame:
    found: pl.DataFrame = con.execute(_PROMPTS, {"name": dataset.name, "version": dataset.version}).pl()
    full = _with_prompts(found.with_columns(tools=pl.lit(None, pl.String)))
    return full.select("prompt", "context", "key", name=pl.lit(str(dataset)))


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={"prompt": pl.String, "context": pl.String, "key": pl.UInt64, "name": pl.String})
