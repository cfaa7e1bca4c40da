"""verl: `compute_score`, a function in a file of the user's (INTEROP section 4).

    reward.custom_reward_function.path=reward_verl.py        # of `datakit export-reward`
    reward.custom_reward_function.name=compute_score

It is told no prompt: rules that read one find it where `extra_info` has it (`prompt`, as text or messages), as
`datakit export --format verl` writes it. All else of `extra_info`, the ground truth and `data_source` are columns.
"""

from collections.abc import Mapping
from typing import Any

from rewards.dialect import Shim, item_of, label_columns, number_of, sample_columns, values_of
from rewards.source import Judged, Source, source_of
from schemas.service import DialectOptions, RewardItem

SHIM = Shim(
    trainer="verl",
    use="reward.custom_reward_function.path={file}\nreward.custom_reward_function.name=compute_score",
    body="""
_judge = verl(JUDGE, options=OPTIONS)


def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return _judge(data_source, solution_str, ground_truth, extra_info)
""",
)


def verl(judge: Judged | Source, *, options: DialectOptions | None = None) -> "VerlReward":
    """A function for verl's `custom_reward_function`; it is synchronous, which every reward manager can call.

    Args:
        judge: what judges; also a service's address.
        options: the ground truth's column, and what an answer without a reward counts as.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the reward asks for what a trainer does itself.
    """
    return VerlReward(source_of(judge, trainer="verl", setting="norm_adv_by_std_in_grpo"), options or DialectOptions())


class VerlReward:
    """A reward as verl calls it; picklable."""

    def __init__(self, source: Source, options: DialectOptions) -> None:
        self.source, self.options = source, options

    def __call__(
        self,
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, float]:
        """`score`, and what each scorer said for verl's log: NaN where it said nothing.

        Raises:
            NoRewardError: the answer has no reward, and the options do not say what it counts as.
        """
        (result,) = self.source.score([self._item(data_source, solution_str, ground_truth, extra_info or {})])
        return {"score": number_of(result, self.options), **values_of(result)}

    def _item(self, data_source: str, solution: str, truth: Any, extra: Mapping[str, Any]) -> RewardItem:
        told = sample_columns({name: [value] for name, value in {**extra, "truth of verl": truth}.items()}, 0)
        label = label_columns(told.pop("truth of verl"), self.options)
        prompt = told.get("prompt")
        return item_of(
            prompt if isinstance(prompt, str | list) else [],
            solution,
            {"data_source": data_source, "ground_truth": label[self.options.label], **told, **label},
        )
