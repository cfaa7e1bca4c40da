"""What the default cleaning drops of an SFT file, by the value of a column that says how good a row is.

python benchmarks/clean_by_column.py alpaca_zh.jsonl.gz translation_score
"""

import argparse
import tempfile
import time
from pathlib import Path

from datakit.clean import clean
from datakit.ingest import ingest
from datakit.store import Store
from schemas.options import CleanOptions, IngestOptions

QUERY = """
    SELECT columns->>$column AS value, count(*) AS rows, count(*) FILTER (reason IS NOT NULL) AS dropped,
        histogram(reason) FILTER (reason IS NOT NULL)
    FROM members m LEFT JOIN (
        SELECT line, reason FROM ledger WHERE stage = 'clean' AND reason != 'repaired'
    ) USING (line)
    WHERE dataset = 'raw' GROUP BY value ORDER BY value
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("column")
    parser.add_argument("--config", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.duckdb")
        ingest(given.file, IngestOptions(name="raw"), store=store)
        started = time.perf_counter()
        report = clean("raw", CleanOptions(config=given.config), store=store, name="clean")
        seconds = time.perf_counter() - started
        with store.read() as con:
            found = con.execute(QUERY, {"column": given.column}).fetchall()
    print(f"{given.file.name}: {report.counts}, {seconds:.1f} s")
    for value, rows, dropped, reasons in found:
        print(f"  {given.column} {value}: {dropped:,} of {rows:,} dropped ({dropped / rows:.2%}) {reasons or ''}")


if __name__ == "__main__":
    main()
