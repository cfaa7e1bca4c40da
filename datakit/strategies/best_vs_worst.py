"""The best answer of a group against its worst."""

from datakit.strategy import SqlStrategy


class BestVsWorst(SqlStrategy):
    """At most one pair a prompt: highest choosable reward, lowest reward; a tie goes to the smaller candidate id."""

    def query(self, group: str) -> str:
        """Choose pairs: see `SqlStrategy.query`."""
        best, worst = "{'least': -reward, 'id': candidate_id}", "{'least': reward, 'id': candidate_id}"
        return f"""
            SELECT prompt_id, arg_min(candidate_id, {best}) FILTER (choosable) AS chosen_id,
                arg_min(candidate_id, {worst}) FILTER (rejectable) AS rejected_id
            FROM {group} GROUP BY prompt_id
        """
