"""What of a staged file is kept: filters, duplicates, contradictions. Set-based, on the narrow tables of ids.

A row is kept if it adds anything: a prompt or an answer, a verdict, a score. The first of its kind in the file counts.
"""

import json
from dataclasses import dataclass
from typing import Any

import duckdb

from datakit.staging import Staging, room_needed
from schemas.errors import ConfigError
from schemas.identity import content_id

_KEPT = """
    SELECT DISTINCT number FROM (
        SELECT min(number) AS number FROM parts SEMI JOIN selected USING (number) GROUP BY item_id
        UNION ALL
        SELECT min(number) FROM verdicts SEMI JOIN selected USING (number)
        GROUP BY prompt_id, left_id, right_id, scorer, kind, verdict
        UNION ALL
        SELECT min(number) FROM ratings SEMI JOIN selected USING (number) GROUP BY candidate_id, scorer, kind
    )
"""

_CONTENT = """
CREATE OR REPLACE TABLE members AS
SELECT min(number) AS number, arg_min(slot, number) AS slot, item_id, columns_id, any_value(answer) AS answer
FROM parts SEMI JOIN kept USING (number) GROUP BY item_id, columns_id;
CREATE OR REPLACE TABLE comparisons AS
SELECT min(number) AS number, prompt_id, left_id, right_id, scorer, kind, verdict, arg_min(reason, number) AS reason
FROM verdicts SEMI JOIN kept USING (number) GROUP BY prompt_id, left_id, right_id, scorer, kind, verdict;
CREATE OR REPLACE TABLE scores AS
SELECT min(number) AS number, candidate_id, scorer, kind, first(value ORDER BY number, slot) AS value
FROM ratings SEMI JOIN kept USING (number) GROUP BY candidate_id, scorer, kind;
"""

_LIKE = "if(f.source = e.source, 'line ' || f.line, 'line ' || f.line || ' of ' || f.source)"

_REFUSED = f"""
DELETE FROM refused WHERE part AND number NOT IN (FROM kept);

INSERT INTO refused
WITH again AS (SELECT number FROM selected ANTI JOIN kept USING (number)),
firsts AS (SELECT item_id, min(number) AS first FROM members GROUP BY item_id),
alike AS (SELECT item_id, columns_id, min(number) AS first FROM parts SEMI JOIN selected USING (number) GROUP BY ALL),
contradicted AS (
    SELECT DISTINCT r.number FROM ratings r SEMI JOIN again USING (number)
    JOIN scores s USING (candidate_id, scorer, kind) WHERE r.value != s.value
),
judged AS (
    SELECT p.number, min(item_id) AS item_id, min(firsts.first) AS first, bool_and(alike.first < p.number) AS exact,
        bool_or(p.answer) AS answer, p.number IN (FROM contradicted) AS contradicted
    FROM parts p SEMI JOIN again USING (number) JOIN firsts USING (item_id) JOIN alike USING (item_id, columns_id)
    GROUP BY p.number
)
SELECT j.number, e.batch, false,
    CASE WHEN j.contradicted THEN 'conflicting_score' WHEN exact THEN 'duplicate'
         WHEN answer THEN 'duplicate_answer' ELSE 'duplicate_prompt' END,
    CASE WHEN j.contradicted THEN 'another score than ' || {_LIKE} || ' gives this answer; the first is kept'
         WHEN exact THEN 'the same as ' || {_LIKE}
         WHEN answer THEN 'prompt and answer of ' || {_LIKE} || ' with other columns; the first is kept'
         ELSE 'the prompt of ' || {_LIKE} || ' with other columns; the first is kept' END,
    j.item_id, e.source, e.line,
    if(exact, NULL, e.columns)    -- the rest of the row is stored
FROM judged j JOIN entries e USING (number) JOIN entries f ON f.number = j.first;

INSERT INTO refused
SELECT r.number, e.batch, true, 'conflicting_score',
    'score ' || r.value || ' of an answer that ' || {_LIKE} || ' scored ' || s.value || '; the first is kept',
    candidate_id, e.source, e.line, NULL
FROM ratings r SEMI JOIN kept USING (number) JOIN scores s USING (candidate_id, scorer, kind)
JOIN entries e ON e.number = r.number JOIN entries f ON f.number = s.number
WHERE r.value != s.value;
"""


def _digest(text: str) -> str:
    """SQL of a digest of a set of texts, whatever their order."""
    return f"sum(md5_number_lower({text})) || ' ' || sum(md5_number_upper({text})) || ' ' || count(*)"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a file comes to."""

    kind: str
    """prompts or examples"""
    content: str
    """Digest of all that is kept, whatever its order: equal content is no new version."""
    left_out: list[str]
    """Columns that only rows have which were not selected."""
    scorers: dict[str, tuple[str, str]]
    """Names of those who judged: kind, and a digest of their judgements."""
    counts: dict[str, int]
    reasons: dict[str, int]
    first: dict[str, str]
    """The first row of each reason, for people."""

    @property
    def bad(self) -> int:
        """Rows that are broken or not of the format; what merely repeats or was not asked for is not bad."""
        harmless = ("not_selected", "duplicate", "duplicate_answer", "duplicate_prompt")
        return sum(count for reason, count in self.reasons.items() if reason not in harmless)


def count_kept(staging: Staging) -> int:
    """How many of the rows so far would be kept, without a filter."""
    staging.flush()
    staging.con.execute("CREATE OR REPLACE TEMP VIEW selected AS SELECT number FROM entries")
    return _number(staging.con, f"SELECT count(*) FROM ({_KEPT})")


def settle(staging: Staging, rows: int, where: str | None, limit: int | None) -> Settled:
    """Decide about every staged row; leaves the tables kept, members, comparisons, scores and refused.

    Args:
        staging: the file's rows.
        rows: how many rows the file has.
        where: SQL condition on the rows' columns.
        limit: keep at most this many rows.

    Raises:
        ConfigError: the condition is no SQL, or names unknown columns.
    """
    staging.flush()
    con = staging.con
    with room_needed():
        con.execute("DROP VIEW IF EXISTS selected")
        select_rows(con, where)
        con.execute(f"CREATE TABLE kept AS {_KEPT}")
        if limit is not None:
            _cut(con, limit)
        con.execute(_CONTENT)
        con.execute(_REFUSED)
        return _settled(con, rows)


def select_rows(con: duckdb.DuckDBPyConnection, where: str | None) -> None:
    """Make the table `selected` of the numbers of the `entries` (number, columns, messages) that a condition holds for.

    Raises:
        ConfigError: the condition is no SQL, or names unknown columns.
    """
    if where is None:
        con.execute("CREATE TABLE selected AS SELECT number FROM entries")
        return
    structure = json.loads(_value(con, "SELECT json_group_structure(columns::JSON) FROM entries") or "{}")
    names = list(structure) if isinstance(structure, dict) else []
    spread = ""
    if names:
        # HUGEINT: a difference of DuckDB's UBIGINT cannot be negative
        shape = json.dumps(structure).replace('"UBIGINT"', '"HUGEINT"').replace("'", "''")
        spread = f", unnest(json_transform(columns::JSON, '{shape}'))"
    prompt = "" if "prompt" in names else ", json_extract_string(messages, '$[#-1].content') AS prompt"
    try:
        con.execute(
            f'CREATE TABLE selected AS SELECT "datakit number" AS number FROM '
            f'(SELECT number AS "datakit number"{prompt}{spread} FROM entries) WHERE ({where}\n)'
        )
    except duckdb.Error as error:
        text = str(error).split("\n", 1)[0]
        known = ", ".join([*names, *([] if "prompt" in names else ["prompt (the last turn's text)"])])
        raise ConfigError(f"--where {where}: {text}; the columns are {known}") from error


def _cut(con: duckdb.DuckDBPyConnection, limit: int) -> None:
    """Forget what comes after the last row that the limit allows."""
    found = con.execute("SELECT number FROM kept ORDER BY number LIMIT 1 OFFSET ?", [limit - 1]).fetchone()
    if found:
        for table in ("kept", "selected", "refused"):
            con.execute(f"DELETE FROM {table} WHERE number > ?", [found[0]])


def _settled(con: duckdb.DuckDBPyConnection, rows: int) -> Settled:
    kept = _number(con, "SELECT count(*) FROM kept")
    reasons = dict(con.execute("SELECT reason, count(*) FROM refused GROUP BY reason ORDER BY 2 DESC, 1").fetchall())
    parts = _number(con, "SELECT count(*) FROM refused WHERE part")
    left = rows - kept - _number(con, "SELECT count(*) FROM refused WHERE NOT part")
    if left:
        reasons["not_selected"] = left
    left_out = _left_out(con) if left else []
    candidates = _number(con, "SELECT count(DISTINCT item_id) FROM members WHERE answer")
    scorers = _scorers(con)
    kind = "examples" if candidates else "prompts"
    members = _value(con, f"SELECT {_digest('item_id || columns_id::VARCHAR')} FROM members")
    counts = {
        "rows": rows,
        "kept": kept,
        "dropped": rows - kept,
        "left_out": parts,
        "prompts": _number(con, "SELECT count(DISTINCT prompt_id) FROM entries SEMI JOIN kept USING (number)"),
        "candidates": candidates,
        "comparisons": _number(con, "SELECT count(*) FROM comparisons"),
        "scores": _number(con, "SELECT count(*) FROM scores"),
    }
    always = ("rows", "kept", "dropped", "prompts")
    return Settled(
        kind=kind,
        content=content_id([kind, members, sorted([*item, *told] for item, told in scorers.items()), *left_out]),
        left_out=left_out,
        scorers=scorers,
        counts={name: count for name, count in counts.items() if count or name in always},
        reasons=reasons,
        first=_first(con),
    )


def _left_out(con: duckdb.DuckDBPyConnection) -> list[str]:
    found = con.execute("""
        SELECT DISTINCT unnest(json_keys(columns)) FROM entries ANTI JOIN kept USING (number)
        EXCEPT SELECT unnest(json_keys(columns)) FROM entries SEMI JOIN kept USING (number)
        EXCEPT SELECT unnest(json_keys(columns)) FROM answers SEMI JOIN kept USING (number)
        ORDER BY 1
    """).fetchall()
    return [row[0] for row in found]


def _scorers(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, str]]:
    found = con.execute(f"""
        SELECT scorer, kind, {_digest("told")} FROM (
            SELECT scorer, kind, concat_ws(' ', prompt_id, left_id, right_id, verdict) AS told FROM comparisons
            UNION ALL SELECT scorer, kind, concat_ws(' ', candidate_id, value) FROM scores
        ) GROUP BY scorer, kind ORDER BY ALL
    """).fetchall()
    return {scorer: (kind, digest) for scorer, kind, digest in found}


def _first(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    found = con.execute("""
        SELECT reason, arg_min(source, number) || ':' || arg_min(line, number) || ': ' || arg_min(detail, number)
        FROM refused GROUP BY reason ORDER BY min(number)
    """).fetchall()
    return dict(found)


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(_value(con, query) or 0)


def _value(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = con.execute(query).fetchone()
    return row[0] if row else None
