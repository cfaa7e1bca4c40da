"""Columnar rules at millions of rows a second: DuckDB calls the rule while it copies into `scores`.

No id leaves the database, and no text but the vectors that the rule is shown. The store is open meanwhile, since
reading and storing cost more than judging; a page is one transaction.
"""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import FunctionNullHandling, PythonUDFType
from duckdb.sqltypes import INTEGER, VARCHAR

from datakit.outcomes import Streak, count
from datakit.worklist import Query, Tally, Work, missing_sql, quoted
from rewards.admission import JSON
from rewards.engine import RulePool

_FOUND = pa.struct([("code", pa.int8()), ("value", pa.float64()), ("reason", pa.string())])
_TYPES = {"INTEGER": INTEGER, "VARCHAR": VARCHAR}
_FINDING = duckdb.struct_type({"code": "TINYINT", "value": "DOUBLE", "reason": "VARCHAR"})


class ColumnarScores:
    """Judges the pages of one columnar scorer."""

    def __init__(self, pool: RulePool, work: Work, tally: Tally, streak: Streak) -> None:
        self.pool = pool
        self.work = work
        self.tally = tally
        self.streak = streak
        self._error: BaseException | None = None

    def store_page(self, con: duckdb.DuckDBPyConnection, query: Query, rows: tuple[int, int], run_id: str) -> None:
        """Judge what is missing in a range of rows of `candidates`, and store it in the open transaction.

        Raises:
            RuleError: the rule does not give one number a row.
        """
        sources = self.work.inputs.sources
        con.create_function(
            "judge_rows",
            self._judge_vector,
            [duckdb.struct_type({source.name: _TYPES[source.type] for source in sources})],
            _FINDING,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
            side_effects=True,  # so that DuckDB calls it once a row
        )
        missing = missing_sql(con, query, self.work, rows)
        scorer = f"'{self.work.scorer.scorer_id}'::UUID"
        if query.retry:
            con.execute(f"""
                DELETE FROM scores USING ({missing}) AS missing
                WHERE scores.scorer_id = {scorer} AND scores.status IN ('error', 'timeout')
                AND scores.candidate_id = missing.candidate_id AND scores.inputs_hash = missing.inputs_hash
            """)
        row = ", ".join(f"{quoted(source.name)} := {quoted(source.name)}" for source in sources)
        con.execute(f"""
            INSERT INTO scores BY NAME
            SELECT candidate_id, {scorer} AS scorer_id, inputs_hash,
                CASE judged.code WHEN 0 THEN 'ok' WHEN 1 THEN 'skip' WHEN 2 THEN 'error' END AS status,
                judged.value AS value, nullif(judged.reason, '') AS reason, '{run_id}'::UUID AS run_id
            FROM (SELECT candidate_id, inputs_hash, judge_rows(struct_pack({row})) AS judged FROM ({missing}))
            WHERE judged.code IS NOT NULL
        """)
        if self._error is not None:
            raise self._error

    def _judge_vector(self, rows: pa.ChunkedArray) -> pa.Array:
        """What DuckDB calls. An exception would reach us as one of DuckDB's, so it is kept until that has returned."""
        if self._error is None and not self.streak.broken:
            try:
                return self._judge(rows.combine_chunks())
            except BaseException as error:  # noqa: BLE001  (raised again by `store_page`)
                self._error = error
        return pa.nulls(len(rows), _FOUND)

    def _judge(self, rows: pa.StructArray) -> pa.Array:
        columns = rows.flatten()
        fields = [
            pa.field(source.name, column.type, metadata=JSON if source.json else None)
            for source, column in zip(self.work.inputs.sources, columns, strict=True)
        ]
        blocks = list(self.pool.judge(self.work.scorer, pa.table(columns, schema=pa.schema(fields))))
        for judged in blocks:
            count(self.tally, judged)
            self.streak.add(judged)
        found = [pa.StructArray.from_arrays([b.status.indices, b.value, b.reason], fields=list(_FOUND)) for b in blocks]
        if len(blocks) == 1:
            return found[0]
        order = pc.sort_indices(pa.concat_arrays([judged.rows for judged in blocks]))
        return pa.concat_arrays(found).take(order)
