"""The best answer of a group against one that is bad, but not the worst that happened.

The worst of very many answers is often broken rather than wrong, and teaches little; the answer nearest to the mean
minus two standard deviations stays where it is however many are drawn (Xiao et al. 2025, "Finding the Sweet Spot:
Preference Data Construction for Scaling Preference Optimization"). In groups under about 32 it mostly is the worst.
"""

from pydantic import Field

from datakit.strategy import SqlStrategy


class BestVsQuantile(SqlStrategy):
    """One pair a prompt: highest choosable reward, and the reward nearest to the group's mean minus k deviations."""

    deviations: float = Field(2.0, ge=0)
    """k: how many (population) standard deviations below the mean."""

    def query(self, group: str) -> str:
        """Choose pairs: see `SqlStrategy.query`."""
        # Sums of floats depend on the order of their terms: sorted first, so that the rows' order does not matter.
        return f"""
            WITH sorted AS (
                SELECT prompt_id, list(reward ORDER BY reward) AS rewards, max(reward) FILTER (choosable) AS top,
                    arg_min(candidate_id, {{'least': -reward, 'id': candidate_id}}) FILTER (choosable) AS chosen_id
                FROM {group} GROUP BY prompt_id
            ), centred AS (
                SELECT *, list_sum(rewards) / len(rewards) AS mean FROM sorted WHERE top IS NOT NULL
            ), aimed AS (
                SELECT prompt_id, chosen_id, top, mean - '{self.deviations!r}'::DOUBLE
                    * sqrt(list_sum([(x - mean) * (x - mean) for x in rewards]) / len(rewards)) AS target
                FROM centred
            )
            SELECT prompt_id, chosen_id,
                arg_min(candidate_id, {{'far': abs(reward - target), 'least': reward, 'id': candidate_id}})
                    AS rejected_id
            FROM {group} JOIN aimed USING (prompt_id) WHERE rejectable AND reward < top GROUP BY prompt_id, chosen_id
        """
