"""The winners of a group, each against the rest: more pairs than one a prompt, and none that only teaches length."""

from pydantic import Field, model_validator

from datakit.strategy import SqlStrategy


class WinnersVsRest(SqlStrategy):
    """Winners are the best share of a group, or what reaches a threshold; each is paired with the rest of its band."""

    share: float = Field(0.25, gt=0, lt=1)
    """Best share of a group that wins, at least one; equal rewards win together."""
    threshold: float | None = None
    """Smallest reward that wins, instead of a share."""
    band: float = Field(1.5, gt=1)
    """Lengths are equal in a band: its longest text is this many times as long as its shortest."""

    @model_validator(mode="after")
    def _one_way(self) -> "WinnersVsRest":
        if self.threshold is not None and "share" in self.model_fields_set:
            raise ValueError("share and threshold exclude each other")
        return self

    def query(self, group: str) -> str:
        """Choose pairs: see `SqlStrategy.query`."""
        if self.threshold is not None:
            wins = f"reward >= '{self.threshold!r}'::DOUBLE"
        else:
            most = f"greatest(1, round_even('{self.share!r}'::DOUBLE * count(*) OVER whole, 0))"
            wins = f"rank() OVER best_first <= {most}"
        return f"""
            WITH split AS (
                SELECT *, {wins} AS wins, floor(ln(greatest(chars, 1)) / ln('{self.band!r}'::DOUBLE)) AS band
                FROM {group} WINDOW whole AS (PARTITION BY prompt_id),
                    best_first AS (PARTITION BY prompt_id ORDER BY reward DESC)
            )
            SELECT prompt_id, c.candidate_id AS chosen_id, r.candidate_id AS rejected_id
            FROM split c JOIN split r USING (prompt_id, band)
            WHERE c.wins AND NOT r.wins AND c.choosable AND r.rejectable
        """
