"""Stage report: one HTML page about an SFT or a pair set, with everything in it: no network, no scripts.

The store is open only while the rows are read. The page depends on nothing but the store, so a second run gives the
same bytes.
"""

import os
from pathlib import Path

from datakit import datasets
from datakit.audit import examined, warns
from datakit.audit_page import render as render_audit
from datakit.report_figures import LENGTH_UNITS, figures_of, lengths_in
from datakit.report_page import render
from datakit.report_rows import Facts, read_facts
from datakit.store import Store
from datakit.trl_rows import PREFERENCE, create_exported
from schemas.errors import UserError
from schemas.options import AuditOptions, PageOptions
from schemas.report import Report


def report(dataset: str, options: PageOptions, *, store: Store) -> Report:
    """Describe an SFT set, of a cleaned one also what it was before and why rows went; audit a set of pairs.

    Args:
        dataset: its name (`name[@version]`).
        options: the file, and the tokenizer that lengths are given in.
        store: where the set is kept.

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: it is a set of something else, or the tokenizer cannot be read.
        UserError: the file cannot be written.
    """
    if _has_pairs(dataset, store):
        return _audit_page(dataset, options, store)
    units = lengths_in(options.tokenizer) if options.tokenizer else LENGTH_UNITS
    measures = {unit: length.measured() for unit, length in units.items()}
    with store.read() as con:
        facts = read_facts(con, dataset)
    page = render(facts, figures_of(facts, measures))
    return Report(
        stage="report",
        dataset=facts.dataset.name,
        version=facts.dataset.version,
        counts=facts.counts(),
        notes=_notes(facts),
        output=str(options.output),
        unchanged=write_page(options.output, page.encode("utf-8")),
    )


def _has_pairs(dataset: str, store: Store) -> bool:
    with store.read() as con:
        found = datasets.get(con, dataset)
        return found.kind == "pairs" or (found.kind == "examples" and create_exported(con, found) == PREFERENCE)


def _audit_page(dataset: str, options: PageOptions, store: Store) -> Report:
    audited, checks, findings = examined(dataset, AuditOptions(tokenizer=options.tokenizer), store)
    page = render_audit(audited, checks, findings)
    return Report(
        stage="report",
        dataset=audited.dataset.name,
        version=audited.dataset.version,
        counts={"pairs": audited.pairs.height, "warnings": sum(warns(checks[name], findings[name]) for name in checks)},
        output=str(options.output),
        unchanged=write_page(options.output, page.encode("utf-8")),
    )


def _notes(facts: Facts) -> tuple[str, ...]:
    if facts.lost_source is None:
        return ()
    return (f"{facts.lost_source} is not in the store any more: the page shows only the rows that were kept",)


def write_page(output: Path, content: bytes) -> bool:
    """Write a file whole or not at all; returns whether it held the same already."""
    draft = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        if output.is_file() and output.read_bytes() == content:
            return True
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}; name another file with -o") from error
    return False
