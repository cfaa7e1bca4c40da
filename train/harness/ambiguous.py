"""Pairs whose preference is doubtful: hardly a margin, hardly a difference, or people who disagree."""

from dataclasses import dataclass

import duckdb
import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist

from datakit.store import Store
from datakit.trl_rows import create_exported
from train.harness.rows import Rows

BATCH = 8192
"""Pairs whose texts are held at once."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """How many pairs there are, and how many are doubtful."""

    pairs: int
    ambiguous: int
    how: str
    """What makes them so, for the message."""


def count_ambiguous(store: Store, rows: Rows, margin: float, similarity: float) -> Ambiguous:
    """Count the doubtful pairs of a data set.

    Args:
        store: where it is.
        rows: the data set.
        margin: a pair whose rewards differ by less is doubtful.
        similarity: for pairs without rewards: normalised Indel similarity (rapidfuzz) above which one is doubtful;
            one that a person judged the other way round, or a tie, is doubtful too.
    """
    with store.read() as con:
        create_exported(con, rows.dataset)
        if rows.dataset.kind == "pairs":
            found = con.execute("SELECT count(*), count(*) FILTER (margin < ?) FROM exported", [margin]).fetchall()[0]
            return Ambiguous(found[0], found[1], f"margin below {margin:g}")
        alike = _alike(con, similarity)
        split = con.execute("""
            SELECT row FROM exported e WHERE EXISTS (
                FROM comparisons c WHERE c.prompt_id = e.prompt_id AND (
                    (c.left_id = e.chosen_id AND c.right_id = e.rejected_id AND c.verdict IN ('right', 'tie'))
                    OR (c.left_id = e.rejected_id AND c.right_id = e.chosen_id AND c.verdict IN ('left', 'tie'))
                )
            )
        """).fetchnumpy()["row"]
        total = con.execute("SELECT count(*) FROM exported").fetchall()[0][0]
    doubtful = len(np.union1d(alike, split))
    return Ambiguous(total, doubtful, f"similarity over {similarity:g}, or people split")


def _alike(con: duckdb.DuckDBPyConnection, similarity: float) -> np.ndarray:
    """Rows whose two texts are more alike than that."""
    reader = con.execute("""
        SELECT e.row, c.text AS chosen, r.text AS rejected FROM exported e
        JOIN candidates c ON c.candidate_id = e.chosen_id JOIN candidates r ON r.candidate_id = e.rejected_id
    """).to_arrow_reader(BATCH)
    found = [np.empty(0, dtype=np.int64)]
    for batch in reader:
        chosen, rejected = batch["chosen"].to_pylist(), batch["rejected"].to_pylist()
        near = cpdist(chosen, rejected, scorer=Indel.normalized_similarity, workers=-1) > similarity
        found.append(batch["row"].to_numpy()[near])
    return np.concatenate(found)
