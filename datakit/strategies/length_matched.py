"""Answers of like length: what is learnt from them is not the length."""

from pydantic import Field

from datakit.strategy import SqlStrategy


class LengthMatched(SqlStrategy):
    """All pairs of a prompt whose lengths differ by at most a ratio; `max_pairs_per_prompt` keeps the widest."""

    ratio: float = Field(1.5, ge=1)
    """Longest over shortest side, in characters."""

    def query(self, group: str) -> str:
        """Choose pairs: see `SqlStrategy.query`."""
        return f"""
            SELECT prompt_id, c.candidate_id AS chosen_id, r.candidate_id AS rejected_id
            FROM {group} c JOIN {group} r USING (prompt_id)
            WHERE c.choosable AND r.rejectable AND c.reward > r.reward
                AND greatest(c.chars, r.chars) <= '{self.ratio!r}'::DOUBLE * least(c.chars, r.chars)
        """
