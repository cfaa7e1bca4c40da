"""What a pair strategy must offer. Variants: datakit/strategies/."""

from abc import ABC, abstractmethod

import duckdb
import polars as pl

from schemas.base import Frozen


class Strategy(Frozen, ABC):
    """A pure function from scored groups to pairs; its fields are its options."""

    @abstractmethod
    def pair(self, group: pl.LazyFrame) -> pl.LazyFrame:
        """Choose pairs.

        Args:
            group: one row a candidate, in any order: prompt_id, candidate_id, reward (never null), chars (text
                length), choosable and rejectable (whether it may be that side at all). All candidates of a prompt
                were judged by the same scorers, and no two have the same text. Ids are opaque, but ordered.

        Returns:
            prompt_id, chosen_id, rejected_id; the result must not depend on the order of the rows. Pairs without
            a margin, or with a null side, are dropped by the caller.
        """


class SqlStrategy(Strategy, ABC):
    """A strategy that is a query: runs where the candidates are, whatever their number."""

    @abstractmethod
    def query(self, group: str) -> str:
        """SQL that chooses pairs from the relation `group`; columns and result as in `pair`."""

    def pair(self, group: pl.LazyFrame) -> pl.LazyFrame:
        """Choose pairs of a frame: see `Strategy.pair`."""
        with duckdb.connect() as con:
            con.register("offered", group.collect())
            return con.execute(self.query("offered")).pl().lazy()
