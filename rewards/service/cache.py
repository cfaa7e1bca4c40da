"""What the service remembers: judged items, by a hash of everything that their outcomes may depend on."""

import hashlib
from collections import OrderedDict
from typing import Any

from rewards.item_judge import Scored
from rewards.service.refusal import Refusal
from rewards.spec import Reward
from schemas.identity import canonical_json
from schemas.service import RewardItem

Columns = dict[str, Any]

MOST_OUTCOMES = 500_000
"""Outcomes that are remembered at most, over all scorers: about 150 bytes each, and their reasons."""


class Keys:
    """Makes the keys of items. The reward's id, which covers every scorer's fingerprint, is part of each."""

    def __init__(self, reward: Reward, max_chars: int) -> None:
        self._start = reward.reward_id
        self._max_chars = max_chars
        self._columns = columns_read(reward)

    def key(self, item: RewardItem) -> bytes | None:
        """The key of an item; None if it is too long to be judged.

        Raises:
            Refusal: it holds a number that JSON does not have.
        """
        read, unread = self._split(item.columns)
        # the names of all columns: a message about one that is missing names the nearest
        told = [item.prompt, item.messages, item.completion, read, sorted(item.columns), item.tools]
        try:
            text = canonical_json([self._start, told, item.finish_reason, item.n_tokens, item.model])
            length = len(text) + (len(canonical_json(unread)) if unread else 0)
        except ValueError as error:
            raise Refusal(422, "not_finite", "a number in the body is not finite; send null instead") from error
        if length > self._max_chars:
            return None
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def _split(self, columns: Columns) -> tuple[Columns, Columns]:
        """The columns on which outcomes may depend, and the others."""
        wanted = self._columns
        if wanted is None or columns.keys() <= wanted:
            return columns, {}
        return (
            {name: value for name, value in columns.items() if name in wanted},
            {name: value for name, value in columns.items() if name not in wanted},
        )


def columns_read(reward: Reward) -> frozenset[str] | None:
    """The columns that a reward reads or asks for; None: all."""
    scorers = reward.scorers
    if any(scorer.all_columns for scorer in scorers):
        return None
    read = {column for scorer in scorers for column in scorer.columns.values()}
    return frozenset(read | {test.column for scorer in scorers for test in scorer.when.tests})


class Cache:
    """The judged items that were used last."""

    def __init__(self, most: int, scorers: int) -> None:
        self._most = min(most, MOST_OUTCOMES // scorers)
        self._kept: OrderedDict[bytes, Scored] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> Scored | None:
        """What became of an equal item."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: bytes, scored: Scored) -> None:
        """Remember, if it is worth it: an error is tried again."""
        if self._most and scored.lasts:
            self._kept[key] = scored
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
