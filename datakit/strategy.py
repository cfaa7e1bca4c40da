"""What a pair strategy must offer. Variants: datakit/strategies/, or a function in a user's own file."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import polars as pl
from pydantic import Field, JsonValue

from rewards.fingerprint import fingerprint_of
from rewards.plugins import user_function, variant_class
from rewards.rule import rule_of
from schemas.base import Frozen
from schemas.errors import RuleError
from schemas.options import PairOptions
from schemas.parse import parse


class Strategy(Frozen, ABC):
    """A pure function from scored groups to pairs; its fields are its options."""

    reads_text: ClassVar[bool] = False
    """Whether it is given the column `text`."""

    @abstractmethod
    def pair(self, group: pl.LazyFrame) -> pl.LazyFrame:
        """Choose pairs.

        Args:
            group: one row a candidate, in any order: prompt_id, candidate_id, reward (never null), chars (text
                length), choosable and rejectable (whether it may be that side at all), and text if it is read. All
                candidates of a prompt were judged by the same scorers, and no two have the same text. Ids are
                opaque, but ordered. It may hold a part of the prompts, never a part of a group.

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


class UserStrategy(Strategy):
    """A function of a user's file: it is given what `Strategy.pair` is, and the options; it returns the same."""

    reads_text: ClassVar[bool] = True

    fingerprint: str
    """Of the function's code and its options: pairs are made again where it changed."""
    options: dict[str, JsonValue] = {}
    function: Callable[..., Any] = Field(exclude=True)

    def pair(self, group: pl.LazyFrame) -> pl.LazyFrame:
        """Choose pairs: see `Strategy.pair`.

        Raises:
            RuleError: the function ends in an error, or returns something else than a frame of two columns of ids.
        """
        try:
            frame: pl.LazyFrame = self.function(group, **self.options)
            ids = (pl.col(side).cast(pl.String) for side in ("chosen_id", "rejected_id"))
            return frame.lazy().select(*ids).collect().lazy()
        except Exception as error:  # the user's code may raise anything: one line
            raise RuleError(f"strategy {self.function.__name__}: {type(error).__name__}: {error}") from error


def load_strategy(options: PairOptions) -> Strategy:
    """The strategy that the options name: one of datakit/strategies, or `file.py:function`.

    Raises:
        ConfigError: there is none of that name, or it has no such option.
        RuleError: the user's file cannot be loaded, or has no such function.
    """
    file, _, function = options.strategy.rpartition(":")
    if file:
        found = user_function(Path(file), function)
        key = fingerprint_of(rule_of(found, name=function), options=options.option)
        return UserStrategy(fingerprint=key, options=options.option, function=found)
    kind = variant_class("datakit.strategies", options.strategy, Strategy)  # type: ignore[type-abstract]
    return parse(kind, options.option, f"strategy {options.strategy}")


def drawn_sql(seed: int, key: str = "candidate_id::VARCHAR") -> str:
    """A number to draw rows by, as good as random, that depends on nothing but the row's key and the seed."""
    return f"md5_number_lower({key} || ':{seed}')"
