"""Looking into the store: everything, one data set, or one prompt with its group, outcomes and pairs."""

from datakit import datasets
from datakit.show_dataset import dataset_tables
from datakit.show_dropped import dropped_table
from datakit.show_prompt import prompt_tables
from datakit.show_store import store_tables
from datakit.store import Store
from schemas.errors import UserError
from schemas.report import Report, Table


def show(
    name: str | None = None,
    *,
    prompt: str | None = None,
    dropped: str | None = None,
    limit: int = 10,
    store: Store,
) -> Report:
    """Describe the store, the data set `name`, or the prompt whose id begins with `prompt`.

    With `dropped`, the rows of the data set that went for this reason, each beside the row that it is like.

    Raises:
        NotFoundError: there is no such data set or prompt, or nothing was dropped for that reason.
        UserError: `dropped` without a data set.
    """
    with store.read() as con:
        if dropped is not None:
            if name is None:
                raise UserError("--dropped needs a data set: datakit show NAME --dropped REASON")
            table = dropped_table(con, datasets.get(con, name), dropped, limit)
            return Report(stage="show", tables=(table,))
        if prompt is not None:
            dataset = datasets.get(con, name) if name else None
            return Report(stage="show", tables=_telling(prompt_tables(con, prompt, dataset)))
        if name is not None:
            dataset = datasets.get(con, name)
            return Report(
                stage="show",
                dataset=dataset.name,
                version=dataset.version,
                tables=_telling(dataset_tables(con, dataset, limit)),
            )
        return Report(stage="show", tables=_telling(store_tables(con, limit)))


def _telling(tables: list[Table]) -> tuple[Table, ...]:
    """Those with rows, or with something to say about having none."""
    return tuple(table for table in tables if table.rows or table.empty)
