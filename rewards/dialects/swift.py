"""ms-swift: an ORM class of an external plug-in (INTEROP section 6).

    swift rlhf --rlhf_type grpo --external_plugins reward_swift.py --reward_funcs datakit
    swift sample --external_plugins reward_swift.py --orm_model datakit

The file is what `datakit export-reward` writes. In training it is called with texts and the data set's columns, and
None is ms-swift's own word for an answer without a reward. In sampling it is called with requests and at most
`ground_truths`, and must return numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rewards.dialect import Shim, item_of, label_columns, number_of, sample_columns
from rewards.source import Judged, Source, source_of
from schemas.errors import InputError
from schemas.service import DialectOptions, RewardItem

TOLD = frozenset(
    {
        *("messages", "prompt_id", "request_id", "finish_reason", "is_truncated", "rollout_infos"),
        *("response_token_ids", "trainer_state", "request_config", "args"),
    }
)
"""What ms-swift tells beside the data set's columns."""

SHIM = Shim(
    trainer="ms-swift",
    use="swift rlhf --rlhf_type grpo --external_plugins {file} --reward_funcs datakit",
    body="""
from swift.rewards import ORM, orms

orms["datakit"] = swift(JUDGE, options=OPTIONS, base=ORM)
""",
)


def swift(judge: Judged | Source, *, options: DialectOptions | None = None, base: type = object) -> type:
    """A class for `orms`, whose objects ms-swift makes and calls.

    Args:
        judge: what judges; also a service's address.
        options: for `swift sample`: the ground truth's column, and what an answer without a reward counts as.
        base: ms-swift's ORM, where it is installed.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the reward asks for what a trainer does itself.
    """
    source = source_of(judge, trainer="ms-swift", setting="scale_rewards")
    return type("DatakitReward", (SwiftReward, base), {"source": source, "options": options or DialectOptions()})


class SwiftReward:
    """A reward as ms-swift calls it, in training and in sampling."""

    source: Source
    options: DialectOptions

    def __init__(self, args: Any = None, **_: Any) -> None:
        self.args = args

    def __call__(
        self, completions: Sequence[Any], ground_truths: Sequence[Any] | None = None, **given: Any
    ) -> list[float | None]:
        """Rewards of a batch, in its order; in training None where there is none.

        Raises:
            NoRewardError: in sampling: an answer has no reward, and the options do not say what it counts as.
            InputError: a request has no answer.
        """
        if all(isinstance(completion, str) for completion in completions):
            return [result.reward for result in self.source.score(self._trained(completions, ground_truths, given))]
        truths = ground_truths or [None] * len(completions)
        items = [_sampled(one, truth, self.options) for one, truth in zip(completions, truths, strict=True)]
        return [number_of(result, self.options) for result in self.source.score(items)]

    def _trained(
        self, completions: Sequence[str], truths: Sequence[Any] | None, given: Mapping[str, Any]
    ) -> list[RewardItem]:
        columns = {name: values for name, values in given.items() if name not in TOLD and _batched(values, completions)}
        if truths is not None:
            columns["ground_truths"] = truths
        prompts, tokens, ends = (given.get(name) for name in ("messages", "response_token_ids", "finish_reason"))
        items = []
        for row, completion in enumerate(completions):
            item = item_of(
                _asked(prompts[row]) if prompts else [],
                completion,
                sample_columns(columns, row),
                n_tokens=len(tokens[row]) if tokens and tokens[row] is not None else None,
            )
            items.append(item.model_copy(update={"finish_reason": ends[row] if ends else None}))
        return items


def _batched(values: Any, completions: Sequence[str]) -> bool:
    return isinstance(values, list | tuple) and len(values) == len(completions)


def _asked(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The conversation up to the turn to be answered, without the answer that ms-swift has put behind it."""
    return list(messages[:-1] if messages and messages[-1].get("role") == "assistant" else messages)


def _sampled(request: Any, truth: Any, options: DialectOptions) -> RewardItem:
    """The item of a request of `swift sample`: an object or a dict with `messages`, the last of which is the answer.

    Raises:
        InputError: it has no answer.
    """
    messages = request.get("messages") if isinstance(request, Mapping) else getattr(request, "messages", None)
    if not messages or messages[-1].get("role") != "assistant":
        raise InputError("a request has no messages of which the last is the assistant's")
    truth = sample_columns({"truth": [truth]}, 0)["truth"]
    return item_of(_asked(messages), messages[-1].get("content") or "", label_columns(truth, options))
