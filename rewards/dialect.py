"""What the dialects in rewards/dialects/ share: where rewards come from, and what is told where there is none.

A dialect translates a trainer's way to ask for rewards into `RewardItem`s, and what became of them into the trainer's
own terms. A file there offers one or both of

    def NAME(judge, ...) -> Callable     # what the trainer calls; NAME is the file's
    def routes() -> APIRouter            # endpoints of the service, which finds them by itself
"""

import json
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from pydantic import ValidationError

from rewards.engine import Limits
from rewards.item_judge import Judge, Scored, result_of
from rewards.live import as_json
from rewards.origin import frozen
from rewards.outcome import Outcome, Status
from rewards.plugins import find_rule
from rewards.rule import Rule, rule_of
from rewards.scorer import Scorer, bind
from rewards.spec import Reward, RewardSpec, load_reward, reward_of, reward_of_scorer
from rewards.spec_file import SUFFIXES, split_name
from schemas.errors import ConfigError, InputError, NoRewardError
from schemas.options import RewardOptions
from schemas.service import DialectOptions, ItemResult, OutcomeResult, RewardItem

Judged = Callable[..., Any] | Rule | Scorer | Reward | RewardSpec | Path | str
"""A rule (the function, or a built-in rule's name), a reward, the path of a spec (.yaml, .yaml:name) or of a file of
rules (.py). Dialects also take a service's address (http://...) and any `Source`."""

SPECIAL_TOKENS = (
    *("<s>", "</s>", "<unk>", "<pad>", "[PAD]", "<bos>", "<eos>", "<|begin_of_text|>", "<|end_of_text|>"),
    *("<|eot_id|>", "<|im_end|>", "<|endoftext|>", "<end_of_turn>", "<|end|>", "<|return|>", "<｜end▁of▁sentence｜>"),
)
"""What Llama, Mistral, Qwen, SmolLM, Gemma, Phi, GPT-OSS and DeepSeek begin and end a turn with."""


class Source(Protocol):
    """Where rewards come from: a reward in this process, or a service (rewards/client.py)."""

    @property
    def name(self) -> str:
        """What a trainer logs it under."""

    def score(self, items: Sequence[RewardItem]) -> list[ItemResult]:
        """What becomes of items: one result each, in order."""


def source_of(judge: "Judged | Source", *, limits: Limits | None = None, trainer: str, setting: str) -> Source:
    """The source that a judge stands for.

    Args:
        judge: what judges; or a source, such as `rewards.client.RewardClient`, which is returned as it is.
        limits: time and memory that a rule may use, and how many workers there are.
        trainer: whose dialect asks, for messages.
        setting: the trainer's own setting that normalises rewards over a group.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the reward asks for what a trainer does itself.
    """
    remote = service_of(judge)
    if remote is not None:
        return remote
    reward = reward_from(judge) or reward_of_scorer(scorer_of(judge, None, None))
    refuse_normalised(reward, trainer, setting)
    return LocalReward(reward, limits or Limits())


def service_of(judge: Any) -> Source | None:
    """The source that a judge is already, or that an address names; None if it is neither.

    Raises:
        ConfigError: the address is none.
    """
    if isinstance(judge, str) and judge.startswith(("http://", "https://")):
        from rewards.client import RewardClient  # needs httpx, which a reward of rules does without

        return RewardClient(judge)
    return judge if _scores(judge) else None


def _scores(judge: Any) -> TypeGuard[Source]:
    return not isinstance(judge, type) and callable(getattr(judge, "score", None))


def reward_from(judge: Any) -> Reward | None:
    """The reward that a judge names; None if it is a single rule.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the spec is wrong.
    """
    match judge:
        case Reward():
            return judge
        case RewardSpec():
            return reward_of(judge)
        case Path() | str() if split_name(Path(judge))[0].suffix in SUFFIXES:
            return load_reward(RewardOptions(reward=Path(judge)))
        case Path() | str() if Path(judge).suffix == ".py":
            return load_reward(RewardOptions(rules=(Path(judge),)))
        case _:
            return None


def scorer_of(judge: Any, options: Mapping[str, object] | None, inputs: Mapping[str, object] | None) -> Scorer:
    """The scorer of a single rule.

    Raises:
        RuleError: it cannot be loaded, or its options do not fit.
    """
    if isinstance(judge, Scorer):
        return judge
    if isinstance(judge, str | Path):
        judge = find_rule(str(judge), [])
    return bind(judge if isinstance(judge, Rule) else rule_of(judge), options=options, inputs=inputs)


def frozen_scorer(scorer: Scorer) -> Scorer:
    """With the code as it is now, whatever happens to its files while the trainer runs; picklable."""
    return replace(scorer, rule=replace(scorer.rule, origin=frozen(scorer.rule.origin)))


def refuse_normalised(reward: Reward, trainer: str, setting: str) -> None:
    """Check that a reward leaves to the trainer what needs the whole group.

    Raises:
        ConfigError: it does not.
    """
    if reward.spec.normalise != "none":
        raise ConfigError(
            f"reward {reward.name!r} asks for normalise: {reward.spec.normalise}; in {trainer} leave it out "
            f"of the spec and set {setting}"
        )


class LocalReward:
    """A reward in this process: rules in killable workers that start with the first call; picklable."""

    def __init__(self, reward: Reward, limits: Limits) -> None:
        self.name = reward.name
        self._judge: Judge | None = None
        self._made = (replace(reward, scorers=tuple(map(frozen_scorer, reward.scorers))), limits)
        self._lock = threading.Lock()  # trainers call from several threads, a pool judges one batch at a time
        self._owner = 0

    def __reduce__(self) -> tuple[type["LocalReward"], tuple[Reward, Limits]]:
        return LocalReward, self._made

    def score(self, items: Sequence[RewardItem]) -> list[ItemResult]:
        """See `Source.score`."""
        found: dict[int, Scored] = {}
        with self._lock:
            judge = self._started()
            for block in judge.run(items):
                found.update(block)
        names = [scorer.name for scorer in judge.reward.scorers]
        return [result_of(item, found[place], names) for place, item in enumerate(items)]

    def _started(self) -> Judge:
        if self._judge is None or self._owner != os.getpid():  # a forked process has no part in its parent's workers
            self._judge, self._owner = Judge(*self._made), os.getpid()
            weakref.finalize(self, _end, self._judge, self._owner)
        return self._judge


def _end(judge: Judge, owner: int) -> None:
    if owner == os.getpid():
        judge.close()


def number_of(result: ItemResult, options: DialectOptions) -> float:
    """The one number of a trainer that has no word for an answer without a reward.

    Raises:
        NoRewardError: there is no reward, and the options do not say what that counts as.
    """
    if result.reward is not None:
        return result.reward
    skipped = is_skip(result)
    number = options.on_skip if skipped else options.on_error
    if number is None:
        option = "on_skip" if skipped else "on_error"
        raise NoRewardError(f"no reward ({why(result)}); {option} can say what that counts as")
    return number


def is_skip(result: ItemResult) -> bool:
    """Whether an answer has no reward because no scorer applies to it; else one failed."""
    return result.reason == "not_scored"


def why(result: ItemResult) -> str:
    """Why an answer has no reward, for people: the first scorer that failed, with its reason."""
    failed = [
        f"{name}: {said.status}: {said.reason}"
        for name, said in result.outcomes.items()
        if said.status in ("error", "timeout")
    ]
    return "; ".join([result.reason, *failed[:1]])


def values_of(result: ItemResult) -> dict[str, float]:
    """What each scorer said, for a trainer's log, which wants the same names every time: NaN where it said nothing."""
    return {name: float("nan") if said.value is None else said.value for name, said in result.outcomes.items()}


def label_columns(label: Any, options: DialectOptions) -> dict[str, Any]:
    """The columns of an item of which a trainer tells one label: the label, and the fields of one that is an object."""
    told = label
    if isinstance(label, str) and label.lstrip().startswith("{"):
        try:
            told = json.loads(label)
        except ValueError:
            told = label
    return {options.label: label, **(told if isinstance(told, dict) else {})}


def without_special(text: str, options: DialectOptions) -> str:
    """A text without the special tokens at its ends; those within it are the model's own doing, and stay."""
    tokens = (*options.special_token, *SPECIAL_TOKENS)
    while found := next((token for token in tokens if text.endswith(token)), None):
        text = text.removesuffix(found)
    while found := next((token for token in tokens if text.startswith(token)), None):
        text = text.removeprefix(found)
    return text


def sample_columns(columns: Mapping[str, Sequence[Any]], row: int) -> dict[str, Any]:
    """One sample's columns of a batch's, as JSON values.

    Raises:
        RuleError: a value that JSON does not have.
    """
    texts = {name: as_json([values[row]], name)[0].as_py() for name, values in columns.items()}
    return {name: None if text is None else json.loads(text) for name, text in texts.items()}


def item_of(prompt: Any, completion: Any, columns: dict[str, Any], *, n_tokens: int | None = None) -> RewardItem:
    """An item of a prompt and a completion that are texts or lists of messages.

    Raises:
        ConfigError: they are neither.
    """
    asked = {"prompt": prompt} if isinstance(prompt, str) else {"messages": prompt}
    try:
        return RewardItem.model_validate(
            {**asked, "completion": completion, "columns": columns, "n_tokens": n_tokens, "tools": columns.get("tools")}
        )
    except ValidationError as error:
        raise ConfigError(f"cannot be judged: {error.errors(include_url=False)[0]['msg']}") from error


def outcome_of(said: OutcomeResult) -> Outcome:
    """An outcome as the scorers' own."""
    return Outcome(Status(said.status), said.value, said.reason, said.seconds)


def split_text(text: str, options: DialectOptions) -> RewardItem:
    """The item of a prompt and its answer that came as one text.

    Raises:
        InputError: nothing says where the answer begins, or the text does not have it.
    """
    mark = options.answer_after
    if not mark:
        raise InputError(
            "prompt and answer come as one text here: tell the service where the answer begins, with --answer-after "
            "and the end of the chat template's prompt, such as '<|im_start|>assistant'"
        )
    prompt, found, completion = text.rpartition(mark)
    if not found:
        raise InputError(f"a text does not have {mark!r}, after which the answer begins: {text[:60]!r}")
    return item_of(without_special(prompt, options), without_special(completion.lstrip("\n"), options), {})
