"""The best answer of a group against its worst."""

from datakit.strategy import SqlStrategy


class BestVsWorst(SqlStrategy):
    """At most one pair a prompt: highest choosable reward, lowest reward; a tie goes to the smaller candidate id."""

    def query(self, group: str) -> str:
        """Choose pairs: see `SqlStrategy.query`."""
        return f"""
            SELECT prompt_id,
                (min({{'least': -reward, 'id': candidate_id}}) FILTER (choosable)).id AS chosen_id,
                (min({{'least': reward, 'id': candidate_id}}) FILTER (rejectable)).id AS rejected_id
            FROM {group} GROUP BY prompt_id
        """
