"""Repairs are applied: each on the result of the one before, again until nothing changes, and never to code.

A frame of texts has one row a turn (schema `TEXTS`). Its `part` says which turn: 0, 1, ... are the prompt's, in order;
-1 is the answer, and where the answer is several turns (it calls tools), -2 and so on are those before its last.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from datakit.code_spans import HELD, code_spans, may_hold_code
from datakit.repair import Repair

TEXTS = {"row": pl.UInt32, "part": pl.Int32, "role": pl.String, "text": pl.String}
"""Schema of the texts to be repaired. Texts are never null; those of the role `tool` are data, and left alone."""

CHANGES = {"row": pl.UInt32, "part": pl.Int32, "repair": pl.String, "before": pl.String, "after": pl.String}
"""Schema of what each repair changed."""

ROUNDS = 8
"""How often all repairs may run; nearly always the second round finds nothing to do. Every repair makes a text
shorter or simpler, so they do come to an end; this is for those that would not."""

_NEW = {"id": pl.UInt32, "text": pl.String}


class RepairedTexts(NamedTuple):
    """What became of the texts that were changed."""

    texts: pl.DataFrame
    """row, part, text: each changed text as it is now."""
    changes: pl.DataFrame
    """One row a change, in the order in which they were made (schema `CHANGES`)."""


def repair_texts(texts: pl.DataFrame, repairs: Sequence[tuple[str, Repair]]) -> RepairedTexts:
    """Repair texts, until another run over the result would change nothing.

    Args:
        texts: in the schema `TEXTS`; each row and part once.
        repairs: with their names, in the order in which they are to run.
    """
    bench = _Bench(texts)
    changes = []
    for _ in range(ROUNDS):
        found = [bench.apply(name, repair) for name, repair in repairs]
        changes += [change for change in found if len(change)]
        if not any(map(len, found)):
            break
        bench = bench.again(pl.concat(found)["id"].unique())
    made = pl.concat(changes) if changes else pl.DataFrame(schema={"id": pl.UInt32, **CHANGES})
    newest = made.group_by("id", maintain_order=True).agg(pl.col("row", "part").first(), text=pl.col("after").last())
    before = made.group_by("id").agg(pl.col("before").first())
    altered = newest.join(before, on="id", maintain_order="left").filter(pl.col("text") != pl.col("before"))
    return RepairedTexts(altered.select("row", "part", "text"), made.drop("id"))


class _Bench:
    """Texts under repair, with their code taken out."""

    def __init__(self, texts: pl.DataFrame, active: pl.Series | None = None) -> None:
        self._all = texts if "id" in texts.columns else texts.with_row_index("id")
        chosen = self._all if active is None else self._all.join(active.to_frame(), on="id", how="semi")
        self._texts = chosen.filter(pl.col("role") != "tool")
        self._codes: dict[int, list[str]] = {}
        """The code that was taken out of a text, by its id."""
        self._take_out()

    def again(self, active: pl.Series) -> "_Bench":
        """The same texts as they are now, of which only some can still change."""
        now = self._texts.select("id", "row", "part", "role", text=self._put_back(self._texts))
        return _Bench(self._all.update(now.select("id", "text"), on="id"), active)

    def _take_out(self) -> None:
        held: dict[int, str] = {}
        suspects = self._texts.filter(may_hold_code(pl.col("text"))).select("id", "text")
        for number, text in suspects.iter_rows():
            spans = code_spans(text)
            if spans:
                held[number], self._codes[number] = _without(text, spans)
        self._replace(pl.DataFrame({"id": held.keys(), "text": held.values()}, schema=_NEW))

    def _replace(self, new: pl.DataFrame) -> None:
        if len(new):
            self._texts = self._texts.update(new, on="id")

    def apply(self, name: str, repair: Repair) -> pl.DataFrame:
        """Run one repair; returns its changes, with the texts' ids."""
        text = pl.col("text")
        suspects = self._unspared(repair, self._in_scope(repair, self._texts.filter(repair.suspect(text))))
        if not len(suspects):
            return pl.DataFrame(schema={"id": pl.UInt32, **CHANGES})
        changed = suspects.with_columns(after=repair.repair(text)).filter(pl.col("after") != text)
        changed = changed.filter(self._code_is_whole(changed))
        before, after = self._put_back(changed), self._put_back(changed.select("id", text="after"))
        self._replace(changed.select("id", text="after"))
        return changed.select("id", "row", "part", repair=pl.lit(name), before=before, after=after)

    def _in_scope(self, repair: Repair, found: pl.DataFrame) -> pl.DataFrame:
        """Those of the turns that the repair is about."""
        if repair.of == "every":
            return found
        if repair.of == "answer":
            return found.filter(pl.col("part") == -1)
        asked = (pl.col("role") == "user") & (pl.col("part") >= 0)
        rows = found.filter(asked).select(pl.col("row").unique())
        last = self._all.filter(asked).join(rows, on="row", how="semi").group_by("row").agg(pl.col("part").max())
        return found.join(last, on=["row", "part"], how="semi", maintain_order="left")

    def _unspared(self, repair: Repair, found: pl.DataFrame) -> pl.DataFrame:
        """Those whose row has no text because of which the repair leaves it alone; code counts as such a text too."""
        spares = repair.spares(pl.col("text"))
        if spares is None or not len(found):
            return found
        near = self._all.join(found.select(pl.col("row").unique()), on="row", how="semi")
        return found.join(near.filter(spares), on="row", how="anti", maintain_order="left")

    def _code_is_whole(self, changed: pl.DataFrame) -> pl.Series:
        """Whether each changed text still has the same code, all of it and nothing besides, where it had any."""
        if not self._codes:
            return pl.repeat(True, len(changed), dtype=pl.Boolean, eager=True)
        pairs = changed.select("id", "after").iter_rows()
        return pl.Series([self._is_whole(number, after) for number, after in pairs], dtype=pl.Boolean)

    def _is_whole(self, number: int, held: str) -> bool:
        codes = self._codes.get(number)
        if codes is None:
            return True
        if held.count(HELD) != len(codes):
            return False
        text = _with(held, codes)
        return [text[start:end] for start, end in code_spans(text)] == codes

    def _put_back(self, held: pl.DataFrame) -> pl.Series:
        """The texts with their code."""
        if not self._codes:
            return held["text"]
        pairs = held.select("id", "text").iter_rows()
        return pl.Series([_with(text, self._codes.get(number)) for number, text in pairs], dtype=pl.String)


def _without(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[str]]:
    """The text with a placeholder for each span, and the spans' texts."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    prose = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    return HELD.join(prose), [text[start:end] for start, end in spans]


def _with(held: str, codes: list[str] | None) -> str:
    """The text with each placeholder replaced by what it stands for."""
    if codes is None:
        return held
    prose = held.split(HELD)
    return "".join(piece for pair in zip(prose, [*codes, ""], strict=True) for piece in pair)
