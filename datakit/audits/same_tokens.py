"""Is anything left to learn after the trainer's template, tokenizer and max_length?"""

import json
from typing import ClassVar

import polars as pl

from datakit.audited import Audited
from datakit.auditing import OFFENDERS, Audit, Finding, share_of
from datakit.tool_calls import with_objects
from rewards.tokens import Fate, PairText, differ_after_truncation


class SameTokens(Audit):
    """Share of the pairs that the trainer drops, refuses or sees as twice the same (TRL's DPO, `keep_start`)."""

    drops: ClassVar[bool] = True
    threshold: float = 0.0

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        if audited.tokenizer is None:
            return Finding(None, "no tokenizer was named (--tokenizer)")
        columns = ("messages", "tools", "chosen", "rejected", "chosen_turns", "rejected_turns")
        found: list[tuple[int, str]] = []
        for some in audited.pairs.iter_slices(8192):
            texts = [
                PairText(
                    prompt=with_objects(json.loads(messages)),
                    chosen=_turns(chosen, chosen_turns),
                    rejected=_turns(rejected, rejected_turns),
                    tools=None if tools is None else json.loads(tools),
                )
                for messages, tools, chosen, rejected, chosen_turns, rejected_turns in some.select(columns).iter_rows()
            ]
            fates = differ_after_truncation(audited.tokenizer, texts, audited.max_length)
            found += [
                (row, fate.value) for row, fate in zip(some["row"], fates, strict=True) if fate is not Fate.DIFFER
            ]
        offenders = pl.DataFrame(found, schema=OFFENDERS, orient="row")
        return share_of(audited, offenders, f"of the pairs are no pair to a trainer at {audited.max_length} tokens")

    def advice(self) -> str:
        """See the base class."""
        return "raise the trainer's max_length, or leave such pairs out with --fix"


def _turns(text: str, turns: str | None) -> list[dict[str, object]]:
    return with_objects([{"role": "assistant", "content": text}] if turns is None else json.loads(turns))
