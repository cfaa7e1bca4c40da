"""Every answer against every worse one of its group."""

from pydantic import Field

from datakit.strategy import SqlStrategy, drawn_sql


class AllPairs(SqlStrategy):
    """All pairs of a prompt; `max_pairs_per_prompt` keeps those with the widest margins, or all the strata."""

    strata: int | None = Field(None, ge=1)
    """Only so many pairs of a prompt, one drawn from each of as many equal parts of its pairs by margin."""

    def query(self, group: str) -> str:
        """Choose pairs: see `SqlStrategy.query`."""
        pairs = f"""
            SELECT prompt_id, c.candidate_id AS chosen_id, r.candidate_id AS rejected_id, c.reward - r.reward AS gap
            FROM {group} c JOIN {group} r USING (prompt_id)
            WHERE c.choosable AND r.rejectable AND c.reward > r.reward
        """
        if self.strata is None:
            return f"SELECT prompt_id, chosen_id, rejected_id FROM ({pairs})"
        return f"""
            SELECT prompt_id, chosen_id, rejected_id FROM (
                SELECT *, ntile({self.strata}) OVER (
                    PARTITION BY prompt_id ORDER BY gap, chosen_id, rejected_id
                ) AS stratum FROM ({pairs})
            )
            QUALIFY row_number() OVER (
                PARTITION BY prompt_id, stratum ORDER BY {drawn_sql(0, "chosen_id::VARCHAR || rejected_id::VARCHAR")}
            ) = 1
        """
