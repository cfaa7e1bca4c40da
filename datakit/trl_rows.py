"""Data sets in TRL's forms, as SQL: preference, prompt-completion and prompt-only, conversational or plain.

`create_exported` names the rows by their ids, in order; `rows_sql` joins the texts to them.
"""

import json
from dataclasses import dataclass

import duckdb
from duckdb.sqltypes import VARCHAR

from datakit import datasets
from datakit.answers import messages_sql
from datakit.datasets import Dataset
from datakit.tool_calls import with_objects_json
from schemas.errors import ConfigError

PREFERENCE, EXAMPLES, PROMPTS = "preference", "prompt-completion", "prompt-only"
"""The forms (TRL's data set types)."""

TEXT_TURNS = '[{"role":"VARCHAR","content":"VARCHAR"}]'
"""The type of messages that are nothing but text, in the notation of DuckDB's from_json."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of an export look like."""

    form: str
    plain: bool
    typed_prompts: bool
    """The prompts' messages become structs of role and content; else they stay JSON, each with the keys it has."""
    turns: bool
    """Some answers are more than a text: tool calls, reasoning, several turns. They are JSON then."""
    tools: bool
    margin: bool


def create_exported(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> str:
    """Make the table `exported`: row (from 1, in the order of the prompts), the ids, and what goes with them.

    Returns:
        The form: pairs and sets with a person's comparisons are preferences, selections and examples are
        prompt-completion, and prompts alone are prompt-only.
    """
    key = {"dataset": dataset.name, "version": dataset.version}
    con.create_function("with_objects", with_objects_json, [VARCHAR], VARCHAR)  # for `rows_sql`
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
        return (
            PREFERENCE,
            f"""
            SELECT pair_id AS id, prompt_id, chosen_id, rejected_id, chosen_reward, rejected_reward, margin
            FROM pairs WHERE {this}
        """,
        )
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
        return (
            EXAMPLES,
            f"""
            SELECT DISTINCT candidate_id AS id, prompt_id, candidate_id FROM members
            WHERE {this} AND candidate_id IS NOT NULL
        """,
        )
    return PROMPTS, f"SELECT DISTINCT prompt_id AS id, prompt_id FROM members WHERE {this}"


def shape_of(
    con: duckdb.DuckDBPyConnection, form: str, dataset: Dataset, *, plain: bool, typed: bool, margin: bool
) -> Shape:
    """How the exported rows have to be written.

    Args:
        con: where `create_exported` was called.
        form: what it returned.
        dataset: the data set.
        plain: strings instead of messages.
        typed: where all messages are a role and a text, they become structs.
        margin: with the column `margin`.

    Raises:
        ConfigError: the style cannot hold them, or a margin is asked of what has none.
    """
    typed = typed and not plain
    calls = _create_turns(con, form)
    prompts = con.execute(f"""
        SELECT count(tools), {"count(*) FILTER (json_array_length(messages) != 1)" if plain else 0},
            {"json_group_structure(messages)::VARCHAR" if typed else "NULL"}
        FROM prompts SEMI JOIN exported USING (prompt_id)
    """).fetchall()[0]
    if plain and (prompts[0] or prompts[1] or calls):
        found = f"{prompts[1]} prompts with several turns or a system prompt, {prompts[0]} with tools, {calls} calling"
        raise ConfigError(f"{dataset} does not fit style plain ({found}); export it with --style conversational")
    if margin and not (form == PREFERENCE and dataset.kind == "pairs"):
        raise ConfigError(f"{dataset} has no margins; leave out --margin")
    turns = con.execute("SELECT 1 FROM turns LIMIT 1").fetchone()
    return Shape(
        form=form,
        plain=plain,
        typed_prompts=typed and json.loads(prompts[2] or TEXT_TURNS) == json.loads(TEXT_TURNS),
        turns=turns is not None and not plain,
        tools=prompts[0] > 0,
        margin=margin,
    )


def _create_turns(con: duckdb.DuckDBPyConnection, form: str) -> int:
    """Make the table `turns` of the exported answers that are more than a text; returns how many of them call tools."""
    con.execute("CREATE OR REPLACE TEMP TABLE turns (messages JSON)")
    if form == PROMPTS or not con.execute("SELECT 1 FROM candidates WHERE messages IS NOT NULL LIMIT 1").fetchone():
        return 0
    ids = ("chosen_id", "rejected_id") if form == PREFERENCE else ("candidate_id",)
    answers = " UNION ALL ".join(f"SELECT {name} FROM exported" for name in ids)
    con.execute(f"""
        INSERT INTO turns SELECT messages FROM candidates
        WHERE messages IS NOT NULL AND candidate_id IN ({answers})
    """)
    row = con.execute("""
        SELECT count(*) FROM turns WHERE json_array_length(messages) > 1 OR (messages->0->'tool_calls') IS NOT NULL
    """).fetchone()
    return int(row[0]) if row else 0


def rows_sql(shape: Shape, kind: str) -> str:
    """The query for the file's rows, in order."""
    prompt = _prompt(shape)
    tools = ", p.tools::VARCHAR AS tools" if shape.tools else ""  # TRL parses it; a list of unlike dicts would be mixed
    if shape.form == PROMPTS:
        return f"SELECT {prompt} AS prompt{tools} FROM exported e JOIN prompts p USING (prompt_id) ORDER BY e.row"
    if shape.form == EXAMPLES:
        reward = ", e.reward" if kind == "selection" else ""
        return f"""
            SELECT {prompt} AS prompt, {_answer(shape, "c.text", "c.messages")} AS completion{tools},
                e.candidate_id::VARCHAR AS candidate_id{reward}
            FROM exported e JOIN candidates c USING (candidate_id) JOIN prompts p ON p.prompt_id = e.prompt_id
            ORDER BY e.row
        """
    extras = [
        *(("chosen_reward", "rejected_reward") if kind == "pairs" else ()),
        *(("margin",) if shape.margin else ()),
    ]
    return f"""
        SELECT {prompt} AS prompt, {_answer(shape, "c.text", "c.messages")} AS chosen,
            {_answer(shape, "r.text", "r.messages")} AS rejected{tools},
            {", ".join(["id::VARCHAR AS pair_id", *extras])}
        FROM exported e JOIN candidates c ON c.candidate_id = e.chosen_id
            JOIN candidates r ON r.candidate_id = e.rejected_id JOIN prompts p ON p.prompt_id = e.prompt_id
        ORDER BY e.row
    """


def _prompt(shape: Shape) -> str:
    if shape.plain:
        return "p.messages->0->>'content'"
    return f"from_json(p.messages, '{TEXT_TURNS}')" if shape.typed_prompts else _with_objects("p.messages")


def _answer(shape: Shape, text: str, messages: str) -> str:
    if shape.plain:
        return text
    if not shape.turns:
        return f"[{{'role': 'assistant', 'content': {text}}}]"
    return messages_sql(text, _with_objects(messages))


def _with_objects(messages: str) -> str:
    """Messages as chat templates take them. Only rows that have tool calls go through Python."""
    return f"""if(contains({messages}, '"tool_calls"'), with_objects({messages})::JSON, {messages})"""
