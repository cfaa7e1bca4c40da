"""The best answer of a group against any that is worse: the rejected sides are what the model usually says."""

from datakit.strategy import SqlStrategy, drawn_sql


class BestVsRandom(SqlStrategy):
    """One pair a prompt: the highest choosable reward, and one drawn evenly from all answers with a lower reward."""

    seed: int = 0
    """Seed of the draw."""

    def query(self, group: str) -> str:
        """Choose pairs: see `SqlStrategy.query`."""
        return f"""
            WITH best AS (
                SELECT prompt_id, max(reward) AS top,
                    arg_min(candidate_id, {{'least': -reward, 'id': candidate_id}}) AS chosen_id
                FROM {group} WHERE choosable GROUP BY prompt_id
            )
            SELECT prompt_id, chosen_id, arg_min(candidate_id, {drawn_sql(self.seed)}) AS rejected_id
            FROM {group} JOIN best USING (prompt_id) WHERE rejectable AND reward < top GROUP BY prompt_id, chosen_id
        """
