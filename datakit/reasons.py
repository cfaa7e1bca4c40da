"""Why a prompt has no pair, or no answer in a selection: the ledger's words, all named here."""

from enum import StrEnum


class Reason(StrEnum):
    """In the order in which a group runs out of candidates: a prompt gets the first that holds."""

    NO_CANDIDATES = "no_candidates"
    ONE_CANDIDATE = "one_candidate"
    FAILED_SCORER = "failed_scorer"
    """A scorer ended in error or timeout, so there is no reward."""
    REWARD_OVERFLOW = "reward_overflow"
    """What the scorers' values add up to is beyond `rewards.arithmetic.LARGEST`, so there is no reward."""
    NOT_SCORED = "not_scored"
    """No scorer applied, or none was run."""
    EMPTY_TEXT = "empty_text"
    TRUNCATED = "truncated"
    """Cut off by max_tokens, where that is not allowed."""
    IDENTICAL_TEXTS = "identical_texts"
    DIFFERENT_SCORERS = "different_scorers"
    RECIPE_MISSING = "recipe_missing"
    """No answer is left of the recipes that one of the sides must come from."""
    FAILED_REQUIREMENT = "failed_requirement"
    ALL_TIED = "all_tied"
    BELOW_FLOOR = "below_floor"
    NOT_ABOVE_MEAN = "not_above_mean"
    CHOSEN_REWARD_TOO_LOW = "chosen_reward_too_low"
    MARGIN_TOO_SMALL = "margin_too_small"
    NOT_PROPOSED = "not_proposed"
    """The strategy made no pair of the group."""
    LENGTH_RATIO = "length_ratio"
    TOO_SIMILAR = "too_similar"
    TEMPLATE_REFUSES = "template_refuses"
    """The tokenizer's chat template raises an error for the conversation, as the trainer would."""
    PROMPT_TOO_LONG = "prompt_too_long"
    """The prompt alone fills the trainer's max_length."""
    SAME_AFTER_TRUNCATION = "same_after_truncation"


PAIR_CHECKS = (
    Reason.MARGIN_TOO_SMALL,
    Reason.LENGTH_RATIO,
    Reason.TOO_SIMILAR,
    Reason.TEMPLATE_REFUSES,
    Reason.PROMPT_TOO_LONG,
    Reason.SAME_AFTER_TRUNCATION,
)
"""What a proposed pair may fail, in the order of checking; a prompt is told the last one that it reached."""
