"""What the dialects in rewards/dialects/ share: items of what trainers send, and what they are told for them.

A dialect translates a trainer's way to ask for rewards into `RewardItem`s, and what became of them into the trainer's
own terms. A file there offers some of

    def NAME(judge, ...) -> Callable     # what the trainer calls; NAME is the file's
    def routes() -> APIRouter            # endpoints of the service, which finds them by itself
    SHIM = Shim(...)                     # the file that `datakit export-reward --to NAME` writes
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from rewards.live import as_json
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError, InputError, NoRewardError
from schemas.service import DialectOptions, ItemResult, OutcomeResult, RewardItem

SPECIAL_TOKENS = (
    *("<s>", "</s>", "<unk>", "<pad>", "[PAD]", "<bos>", "<eos>", "<|begin_of_text|>", "<|end_of_text|>"),
    *("<|eot_id|>", "<|im_end|>", "<|endoftext|>", "<end_of_turn>", "<|end|>", "<|return|>", "<｜end▁of▁sentence｜>"),
)
"""What Llama, Mistral, Qwen, SmolLM, Gemma, Phi, GPT-OSS and DeepSeek begin and end a turn with."""


@dataclass(frozen=True, slots=True)
class Shim:
    """The file by which a trainer loads a reward; `SHIM` of a dialect that has one (`datakit export-reward`)."""

    trainer: str
    """The trainer's name, for people."""
    use: str
    """How the trainer is told of the file: {file}, or {module} where it is imported."""
    body: str
    """What the file offers, made of JUDGE and OPTIONS."""
    needs_numbers: bool = False
    """The trainer makes a 0 of an exception, so the user must say what an answer without a reward counts as."""

    @property
    def options(self) -> bool:
        """Whether the dialect has options."""
        return "OPTIONS" in self.body

    def check(self, options: DialectOptions) -> None:
        """Refuse options that do not fit.

        Raises:
            ConfigError: what an answer without a reward counts as is missing.
        """
        if self.needs_numbers and (options.on_skip is None or options.on_error is None):
            raise ConfigError(f"{self.trainer} makes 0.0 of every exception: state --on-skip and --on-error")


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
