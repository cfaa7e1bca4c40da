"""verifiers: a reward function of a rubric, or of a task set (INTEROP section 5).

    vf.Rubric(funcs=[verifiers("reward.yaml", options=DialectOptions(on_skip=0.0, on_error=0.0))])

A rubric turns every exception into 0.0 by itself, so here the user must say what an answer without a reward counts as.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rewards.dialect import Shim, item_of, label_columns, number_of, sample_columns
from rewards.source import Judged, Source, source_of
from schemas.service import DialectOptions, RewardItem

SHIM = Shim(
    trainer="verifiers",
    use="from {module} import reward\nvf.Rubric(funcs=[reward])",
    body="""
reward = verifiers(JUDGE, options=OPTIONS)
""",
    needs_numbers=True,
)


def verifiers(judge: Judged | Source, *, options: DialectOptions, group: bool = False) -> Any:
    """A function for `vf.Rubric(funcs=[...])`: of one rollout, or of a group, which is then judged as one batch.

    Args:
        judge: what judges; also a service's address.
        options: `on_skip` and `on_error`, both needed, and the answer's column.
        group: for a whole group at once.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the reward asks for what a trainer does itself, or the options leave something to an exception.
    """
    SHIM.check(options)
    source = source_of(judge, trainer="verifiers", setting="the trainer's own normalisation")

    def score(items: Sequence[RewardItem]) -> list[float]:
        return [number_of(result, options) for result in source.score(items)]

    # verifiers passes what the signature names, and knows a group by a plural name
    def reward(prompt: Any, completion: Any, answer: Any = "", info: Any = None) -> float:
        return score([_item(prompt, completion, answer, info, options)])[0]

    def rewards(prompts: Any, completions: Any, answers: Any, infos: Any = None) -> list[float]:
        told = infos or [None] * len(prompts)
        return score([_item(*each, options) for each in zip(prompts, completions, answers, told, strict=True)])

    function = rewards if group else reward
    function.__name__ = source.name
    return function


def _item(prompt: Any, completion: Any, answer: Any, info: Any, options: DialectOptions) -> RewardItem:
    told = dict(info) if isinstance(info, Mapping) else {}
    columns = sample_columns({name: [value] for name, value in {**told, "the answer": answer}.items()}, 0)
    label = label_columns(columns.pop("the answer"), options)
    return item_of(prompt, completion, {"answer": label[options.label], **columns, **label})
