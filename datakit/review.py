"""Stage review: a page on which a person rates answers, and how far the reward agrees with people."""

from datakit import datasets
from datakit.agreement import agreement_tables
from datakit.report import write_page
from datakit.review_page import render
from datakit.review_rows import sample_items
from datakit.store import Store
from rewards.spec import Reward
from schemas.options import ReviewOptions
from schemas.report import Report


def review(dataset: str, options: ReviewOptions, *, store: Store, reward: Reward | None = None) -> Report:
    """Write the page; what it saves is read by `ingest`.

    Args:
        dataset: scored prompts, pairs, a selection or SFT examples: its name (`name[@version]`).
        options: how many prompts, the seed, the file.
        store: where they are kept.
        reward: whose outcomes the page can show; with it, half of the prompts show the best and the worst answer.

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: it has no answers.
        UserError: the file cannot be written.
    """
    with store.read() as con:
        found = datasets.get(con, dataset)
        items = sample_items(con, found, options, reward)
    page = render(found, items)
    counts = {"prompts": len(items), "answers": sum(len(item.answers) for item in items)}
    return Report(
        stage="review",
        dataset=found.name,
        version=found.version,
        counts=counts,
        notes=("open it in a browser, rate, save; `datakit ingest` reads what was saved",),
        output=str(options.output),
        unchanged=write_page(options.output, page.encode("utf-8")),
    )


def agreement(dataset: str, *, store: Store, reward: Reward | None = None) -> Report:
    """How far people agree with each other and, if one is given, with a reward, on the answers of a data set.

    Raises:
        NotFoundError: there is no such data set.
    """
    with store.read() as con:
        found = datasets.get(con, dataset)
        counts, tables = agreement_tables(con, found, reward)
    said = sum(counts.values()) > 0
    notes = (
        () if said else ("nobody rated its answers: `datakit review` writes a page, `datakit ingest` reads it back",)
    )
    return Report(stage="review", dataset=found.name, version=found.version, counts=counts, notes=notes, tables=tables)
