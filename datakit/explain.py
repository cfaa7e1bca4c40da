"""Why a candidate has its reward: every outcome, what it counts as, what each requirement says, and the result."""

import json
from dataclasses import dataclass
from typing import Any

import duckdb

from datakit import datasets
from datakit.inputs import inputs_hash_sql
from datakit.reward_view import stored_formulas
from datakit.show_cells import clip, query_table, text_of
from datakit.store import Store
from rewards.formula import Combined, Formula, Part
from rewards.outcome import Outcome, Status
from rewards.spec import Reward
from schemas.errors import ConfigError, NotFoundError, UserError
from schemas.report import Report, Table


@dataclass(frozen=True, slots=True)
class Explained:
    """A reward of the candidate: its outcomes, one a scorer, and what they come to."""

    formula: Formula
    outcomes: list[Outcome | None]
    columns: dict[str, Any]
    combined: Combined | ConfigError
    """The error of a value that the reward refuses."""


def explain(candidate: str, *, reward: Reward | None = None, dataset: str | None = None, store: Store) -> Report:
    """Explain the reward of one candidate; without `reward`, each reward of the store that has judged it.

    Args:
        candidate: its id, or the beginning of it.
        reward: the reward to explain; nothing is run for it.
        dataset: the data set whose columns count (default: the newest one that the candidate is in).
        store: where everything is kept.

    Raises:
        NotFoundError: there is no such candidate, or it is not in the data set.
        UserError: several ids begin like that.
    """
    with store.read() as con:
        key = _candidate(con, candidate)
        place, columns = _columns(con, key, dataset)
        formulas = [reward.formula] if reward else stored_formulas(con)
        found = [_explained(con, key, formula, columns) for formula in formulas]
        judged = [one for one in found if reward or any(one.outcomes)]
        notes = [f"columns of {place}" if place else "in no data set: judged without columns"]
        if not judged:
            notes.append("no reward of the store has judged it; name one: --reward SPEC.yaml or --rules FILE.py")
        notes += [str(one.combined) for one in judged if isinstance(one.combined, ConfigError)]
        tables = (_prompt(con, key), _answer(con, key), _results(judged), *(_outcomes(one) for one in judged))
    return Report(stage="explain", notes=tuple(notes), tables=tuple(table for table in tables if table.rows))


def _candidate(con: duckdb.DuckDBPyConnection, start: str) -> str:
    found = con.execute(
        "SELECT DISTINCT candidate_id::VARCHAR FROM candidates WHERE starts_with(candidate_id::VARCHAR, ?) LIMIT 2",
        [start.lower()],
    ).fetchall()
    if not found:
        raise NotFoundError(f"no candidate whose id begins with {start!r}; `datakit show --prompt ID` lists a group")
    if len(found) > 1:
        raise UserError(f"several candidates begin with {start!r}; write more of the id")
    return str(found[0][0])


def _columns(con: duckdb.DuckDBPyConnection, key: str, name: str | None) -> tuple[str, str | None]:
    """The data set whose columns count, and these as the store has them."""
    chosen = datasets.get(con, name) if name else None
    row = con.execute(
        """
        SELECT c.dataset, c.version, c.columns FROM dataset_candidates c
        JOIN datasets d ON d.name = c.dataset AND d.version = c.version LEFT JOIN runs r USING (run_id)
        WHERE c.candidate_id = $1::UUID AND ($2 IS NULL OR (c.dataset = $2 AND c.version = $3))
        ORDER BY r.started_at DESC NULLS LAST, c.version DESC, c.dataset LIMIT 1
        """,
        [key, chosen.name if chosen else None, chosen.version if chosen else None],
    ).fetchone()
    if row is None and chosen:
        raise NotFoundError(f"candidate {key} is not in a group of {chosen}")
    return (f"{row[0]}@{row[1]}", row[2]) if row else ("", None)


def _explained(con: duckdb.DuckDBPyConnection, key: str, formula: Formula, text: str | None) -> Explained:
    outcomes = [_outcome(con, key, part, text) for part in formula.parts]
    columns = json.loads(text or "{}")
    try:
        combined: Combined | ConfigError = formula.combine(outcomes, columns)
    except ConfigError as error:
        combined = error
    return Explained(formula, outcomes, columns, combined)


def _outcome(con: duckdb.DuckDBPyConnection, key: str, part: Part, columns: str | None) -> Outcome | None:
    """What is stored for these columns (JSON text, to the letter: the hash covers it)."""
    row = con.execute(
        f"""
        SELECT status, value, reason, seconds FROM scores, (SELECT $2::JSON AS columns)
        WHERE candidate_id = $1::UUID AND scorer_id = '{part.scorer_id}'
            AND inputs_hash = {inputs_hash_sql(part, "columns")}
        """,
        [key, columns],
    ).fetchone()
    return Outcome(Status(row[0]), row[1], row[2] or "", row[3] or 0.0) if row else None


def _prompt(con: duckdb.DuckDBPyConnection, key: str) -> Table:
    row = con.execute(
        "SELECT prompt_id::VARCHAR, p.messages FROM candidates c JOIN prompts p USING (prompt_id) "
        "WHERE candidate_id = ?::UUID",
        [key],
    ).fetchone()
    if row is None:
        return Table(title="Prompt", columns=("role", "content"), rows=())
    turns = tuple((turn["role"], clip(text_of(turn.get("content")))) for turn in json.loads(row[1]))
    return Table(title=f"Prompt {row[0]}", columns=("role", "content"), rows=turns)


def _answer(con: duckdb.DuckDBPyConnection, key: str) -> Table:
    return query_table(
        con,
        f"Candidate {key}",
        "SELECT r.model, c.sample_index AS i, c.origin, c.finish_reason AS finish, c.n_tokens AS tokens, c.text "
        "FROM candidates c LEFT JOIN recipes r USING (recipe_id) WHERE candidate_id = ?::UUID",
        [key],
    )


def _results(judged: list[Explained]) -> Table:
    rows = []
    for one in judged:
        refused = isinstance(one.combined, ConfigError)
        found = Combined(None, reason="outside_0_to_1") if isinstance(one.combined, ConfigError) else one.combined
        why = f"fails {found.failed}" if found.failed else found.reason
        rows.append((one.formula.name, one.formula.reward_id[:8], None if refused else found.reward, why))
    return Table(title="Rewards", columns=("reward", "version", "value", "why"), rows=tuple(rows))


def _outcomes(one: Explained) -> Table:
    formula = one.formula
    then = {"none": "", "zscore": ", then z-scores in its group", "rank": ", then ranks in its group"}
    required = f", {formula.required_reward or 0:g} where a requirement fails" if formula.bounds else ""
    title = f"{formula.name}: {formula.combination} of w v{then[formula.normalise]}{required}"
    rows = [_row(one, place) for place in range(len(formula.parts))]
    unused = {name for name in ("when", "requires") if not any(row[name] for row in rows)}  # terminals are narrow
    columns = tuple(name for name in rows[0] if name not in unused)
    return Table(title=title, columns=columns, rows=tuple(tuple(row[name] for name in columns) for row in rows))


def _row(one: Explained, place: int) -> dict[str, Any]:
    """A scorer's row; `share` is what it adds to the reward."""
    formula, part = one.formula, one.formula.parts[place]
    outcome = formula.applied(one.outcomes, one.columns)[place]
    value, weight = outcome.value if outcome else None, dict(formula.weights).get(place)
    counts_as = part.adjustment.apply(value) if value is not None and weight is not None else None
    meant = part.when.holds(one.columns)
    return {
        "scorer": part.name,
        "when": f"{part.when} ({'holds' if meant else 'does not hold'})" if part.when else "",
        "outcome": outcome.status.value if outcome else "not run",
        "value": value,
        "counts as": counts_as,
        "weight": weight,
        "share": _share(one, weight, counts_as),
        "requires": ", ".join(_requirement(bound, value) for index, bound in formula.bounds if index == place),
        "reason": outcome.reason if outcome else "",
    }


def _share(one: Explained, weight: float | None, counts_as: float | None) -> float | None:
    """w v, over the sum of the weights in a mean; nothing where the reward is not made of shares."""
    summed = isinstance(one.combined, Combined) and one.combined.reward is not None and one.combined.failed is None
    if not summed or weight is None or counts_as is None:
        return None
    if one.formula.combination == "sum":
        return weight * counts_as
    outcomes = one.formula.applied(one.outcomes, one.columns)
    found = [w for place, w in one.formula.weights if (o := outcomes[place]) is not None and o.value is not None]
    return weight * counts_as / sum(found)


def _requirement(bound: float, value: float | None) -> str:
    said = "does not apply" if value is None else "holds" if value >= bound else "fails"
    return f"at least {bound:g}: {said}"
