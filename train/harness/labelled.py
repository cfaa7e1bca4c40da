"""Answers with people's scores as Hugging Face datasets, through Arrow."""

from collections.abc import Sequence
from dataclasses import replace

from datakit import datasets
from datakit.labelled_rows import PREFIX, create_labelled, quoted
from datakit.store import Store
from datakit.trl_rows import EXAMPLES, create_exported
from train.harness.rows import Reading, Rows, read_exported

LENGTH = "(SELECT length(text) FROM candidates c WHERE c.candidate_id = e.candidate_id) AS length"
"""Characters of the answer."""


def read_labelled(store: Store, name: str, how: Reading, dimensions: Sequence[str]) -> Rows:
    """The answers of a data set that have a score: prompt, completion, `length` in characters, and `score/NAME`.

    A dimension that an answer lacks is null.

    Args:
        store: where it is.
        name: the data set.
        how: which prompts are held out; `extras` become columns too.
        dimensions: names of scorers or columns; empty: those that the data set has (datakit/labelled_rows.py).

    Raises:
        NotFoundError: there is none of that name.
        ConfigError: it has no rows, no scores, or scores that cannot be used.
    """
    with store.read() as con:
        dataset = datasets.get(con, name)
        create_exported(con, dataset)  # for the functions that `rows_sql` needs
        names = create_labelled(con, dataset, dimensions)
        columns = (*how.extras, *(f"e.{quoted(PREFIX + one)}" for one in names), LENGTH)
        return read_exported(con, replace(dataset, kind="examples"), replace(how, form=EXAMPLES, extras=columns))


def dimensions_of(rows: Rows) -> tuple[str, ...]:
    """The dimensions that rows are scored in, in order; none: they are pairs."""
    return tuple(name.removeprefix(PREFIX) for name in rows.train.column_names if name.startswith(PREFIX))
