"""Data sets in TRL's forms, as SQL: preference, prompt-completion and prompt-only, conversational or plain.

`create_exported` names the rows by their ids, in order; `rows_sql` joins the texts to them.
"""

from dataclasses import dataclass

import duckdb

from datakit import datasets
from datakit.answers import messages_sql
from datakit.datasets import Dataset
from schemas.errors import ConfigError
from schemas.options import ExportOptions

PREFERENCE, EXAMPLES, PROMPTS = "preference", "prompt-completion", "prompt-only"
"""The forms (TRL's data set types)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of an export look like."""

    form: str
    plain: bool
    json: bool
    """JSON lines keep messages as they are; Parquet needs columns of one type."""
    turns: bool
    """Some answers are more than a text: tool calls, reasoning, several turns."""
    tools: bool
    margin: bool


def create_exported(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> str:
    """Make the table `exported`: row (from 1, in the order of the prompts), the ids, and what goes with them.

    Returns:
        The form: pairs and sets with a person's comparisons are preferences, selections and examples are
        prompt-completion, and prompts alone are prompt-only.
    """
    key = {"dataset": dataset.name, "version": dataset.version}
    form, rows = _rows(con, dataset, key)
    source = datasets.find(con, str(dataset.config.get("source", ""))) or dataset
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE exported AS
        WITH places AS (
            SELECT prompt_id, min(line) AS place FROM members
            WHERE dataset = $source AND version = $source_version GROUP BY prompt_id
        )
        SELECT row_number() OVER (ORDER BY place NULLS LAST, prompt_id, id) AS row, r.*
        FROM ({rows}) r LEFT JOIN places USING (prompt_id)
        """,
        {**key, "source": source.name, "source_version": source.version},
    )
    return form


def _rows(con: duckdb.DuckDBPyConnection, dataset: Dataset, key: dict[str, object]) -> tuple[str, str]:
    this = "dataset = $dataset AND version = $version"
    if dataset.kind == "pairs":
        return PREFERENCE, f"""
            SELECT pair_id AS id, prompt_id, chosen_id, rejected_id, chosen_reward, rejected_reward, margin
            FROM pairs WHERE {this}
        """
    if dataset.kind == "selection":
        return EXAMPLES, f"SELECT candidate_id AS id, prompt_id, candidate_id, reward FROM selections WHERE {this}"
    compared = f"""
        SELECT DISTINCT md5('["' || prompt_id || '","' || chosen_id || '","' || rejected_id || '"]')::UUID AS id,
            prompt_id, chosen_id, rejected_id
        FROM (
            SELECT prompt_id, if(verdict = 'left', left_id, right_id) AS chosen_id,
                if(verdict = 'left', right_id, left_id) AS rejected_id
            FROM comparisons JOIN scorers USING (scorer_id)
            WHERE status = 'ok' AND verdict IN ('left', 'right') AND scorers.kind IN ('human', 'imported')
        )
        WHERE chosen_id IN (SELECT candidate_id FROM members WHERE {this})
            AND rejected_id IN (SELECT candidate_id FROM members WHERE {this})
    """
    if con.execute(f"SELECT 1 FROM ({compared}) LIMIT 1", key).fetchone():
        return PREFERENCE, compared
    if dataset.kind == "examples":
        return EXAMPLES, f"""
            SELECT DISTINCT candidate_id AS id, prompt_id, candidate_id FROM members
            WHERE {this} AND candidate_id IS NOT NULL
        """
    return PROMPTS, f"SELECT DISTINCT prompt_id AS id, prompt_id FROM members WHERE {this}"


def shape_of(con: duckdb.DuckDBPyConnection, form: str, dataset: Dataset, options: ExportOptions) -> Shape:
    """How the exported rows have to be written.

    Raises:
        ConfigError: the style cannot hold them, or a margin is asked of what has none.
    """
    ids = {PREFERENCE: ("chosen_id", "rejected_id"), EXAMPLES: ("candidate_id",), PROMPTS: ()}[form]
    answers = " UNION ALL ".join(f"SELECT {name} AS candidate_id FROM exported" for name in ids) or "SELECT NULL::UUID"
    turns, calls = con.execute(f"""
        SELECT count(*) > 0, count(*) FILTER (len(messages::JSON[]) > 1 OR messages->0->'tool_calls' IS NOT NULL)
        FROM candidates SEMI JOIN ({answers}) USING (candidate_id) WHERE messages IS NOT NULL
    """).fetchall()[0]
    long, tools = con.execute("""
        SELECT count(*) FILTER (json_array_length(messages) != 1), count(tools)
        FROM prompts SEMI JOIN exported USING (prompt_id)
    """).fetchall()[0]
    plain = options.style == "plain"
    if plain and (long or tools or calls):
        found = f"{long} prompts with several turns or a system prompt, {tools} with tools, {calls} answers with calls"
        raise ConfigError(f"{dataset} does not fit style plain ({found}); export it with --style conversational")
    has_margin = form == PREFERENCE and dataset.kind == "pairs"
    if options.margin and not has_margin:
        raise ConfigError(f"{dataset} is a set of {form} rows without margins; leave out --margin")
    json = not options.output.name.endswith(".parquet")
    return Shape(form, plain, json, turns and not plain, tools > 0, options.margin)


def rows_sql(con: duckdb.DuckDBPyConnection, shape: Shape, kind: str) -> str:
    """The query for the file's rows, in order."""
    tools = ", p.tools::VARCHAR AS tools" if shape.tools else ""  # TRL parses it; lists of unlike dicts would be mixed
    prompt = _prompt(con, shape)
    if shape.form == PROMPTS:
        return f"SELECT {prompt} AS prompt{tools} FROM exported e JOIN prompts p USING (prompt_id) ORDER BY e.row"
    if shape.form == EXAMPLES:
        reward = ", e.reward" if kind == "selection" else ""
        return f"""
            SELECT {prompt} AS prompt, {_answer(con, shape, "c")} AS completion{tools}, e.id AS candidate_id{reward}
            FROM exported e JOIN candidates c USING (candidate_id) JOIN prompts p ON p.prompt_id = e.prompt_id
            ORDER BY e.row
        """
    rewards = ", e.chosen_reward, e.rejected_reward" if kind == "pairs" else ""
    margin = ", e.margin" if shape.margin else ""
    turns = ", any_value(c.messages) FILTER ({}) AS messages" if shape.turns else ""
    # one pass over the candidates for both sides: half the time of two joins, and no text in a hash table
    return f"""
        SELECT {prompt} AS prompt, {_answer(con, shape, "s.chosen")} AS chosen,
            {_answer(con, shape, "s.rejected")} AS rejected{tools}, e.id AS pair_id{rewards}{margin}
        FROM (
            SELECT row, {_side("chosen", "side", shape)}, {_side("rejected", "NOT side", shape)}
            FROM (
                SELECT row, chosen_id AS candidate_id, true AS side FROM exported
                UNION ALL SELECT row, rejected_id, false FROM exported
            ) JOIN candidates c USING (candidate_id) GROUP BY row
        ) s JOIN exported e USING (row) JOIN prompts p USING (prompt_id)
        ORDER BY row
    """
