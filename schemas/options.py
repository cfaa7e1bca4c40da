"""Options of the stages. The command line and the Python functions take the same ones, from here."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator

from schemas.base import Frozen
from schemas.service import DialectOptions

Origin = Literal["sample", "import", "evaluate", "train"]
EXPORT_SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")


class IngestOptions(Frozen):
    """How an input file becomes a data set."""

    name: str | None = Field(None, alias="as")
    """Name of the data set (default: the file's stem)."""
    format: str | None = None
    """Input format, instead of the one that is recognised."""
    map: dict[str, str] = {}
    """Rename fields of the input: column=field."""
    where: str | None = None
    """Keep only rows for which this SQL condition on their columns holds."""
    limit: int | None = Field(None, ge=1)
    """Keep at most this many rows."""
    strict: bool = False
    """Stop at the first bad row, instead of writing it to the ledger."""
    max_failures: float = Field(0.01, ge=0, le=1)
    """Exit 1 above this share of failures: bad rows, missing answers, outcomes error or timeout."""


class CleanOptions(Frozen):
    """What an SFT set is cleaned by."""

    config: Path | None = None
    """YAML file of repairs and filters (default: those of docs/cleaning.md)."""
    dry_run: bool = False
    """Report, but store nothing."""


class PageOptions(Frozen):
    """The page that describes an SFT set."""

    output: Path = Path("report.html")
    """File to write: one HTML page with everything in it."""
    tokenizer: Path | None = None
    """Directory of a model or its tokenizer, or a tokenizer.json: lengths in its tokens (default: in words)."""


class SamplingOptions(Frozen):
    """What an answer depends on, beside its prompt, its model, its temperature and its index."""

    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus sampling: keep the likeliest tokens up to this mass."""
    max_tokens: int = Field(1024, ge=1)
    """Longest answer, in tokens."""
    seed: int = 0
    """Seed of the recipe; sample i of a prompt is drawn with a seed made of it, the prompt and i."""
    system: str | None = None
    """System prompt, put before every prompt that has none."""
    stop: tuple[str, ...] = ()
    """Stop string; repeatable."""
    template: dict[str, JsonValue] = {}
    """Argument of the chat template: name=value (such as enable_thinking=false); repeatable."""
    adapter: str | None = None
    """Directory of a LoRA adapter."""
    sampling: dict[str, JsonValue] = {}
    """Further sampling parameter of the engine: name=value (such as top_k=50); repeatable."""


class RecipeOptions(SamplingOptions):
    """The settings of one recipe, as they are stored and hashed."""

    temperature: float = Field(0.8, ge=0)
    """Sampling temperature; 0 is greedy."""


class GenerateOptions(SamplingOptions):
    """How groups of answers are drawn: every model at every temperature is a recipe."""

    model: tuple[str, ...] = Field(min_length=1)
    """Model directory or hub name; repeatable."""
    n: int = Field(8, ge=1)
    """Answers a prompt and recipe; a column `n` of the prompt overrides it."""
    temperature: tuple[Annotated[float, Field(ge=0)], ...] = Field((0.8,), min_length=1)
    """Sampling temperature; repeatable."""
    engine: str | None = None
    """vllm, openai or transformers (default: vllm where it is installed)."""
    engine_option: dict[str, JsonValue] = {}
    """Option of the engine itself: name=value (such as max_model_len=4096); repeatable. Not part of the recipe."""
    base_url: str | None = None
    """Address of an OpenAI-compatible server (engine openai)."""
    model_revision: str | None = None
    """Revision of a model that a server or a hub holds."""
    max_failures: float = Field(0.01, ge=0, le=1)
    """Exit 1 above this share of failures: bad rows, missing answers, outcomes error or timeout."""


class GroupOptions(Frozen):
    """Which candidates form the groups."""

    recipe: tuple[str, ...] = ()
    """Recipe id (or its beginning); repeatable (default: the recipes of this data set)."""
    origin: tuple[Origin, ...] = ("sample", "import")
    """Origin of candidates; repeatable."""


class RewardOptions(Frozen):
    """What judges the candidates."""

    rules: tuple[Path, ...] = ()
    """Python file of rules; repeatable. Without --reward: all its rules, weight 1, mean."""
    reward: Path | None = None
    """Reward spec (YAML); of a file of several: file.yaml:name."""


class ShimOptions(DialectOptions):
    """The file by which a trainer loads a reward."""

    to: str
    """Trainer: openrlhf, swift, trl, verifiers or verl."""
    output: Path
    """Python file to write."""
    url: str | None = None
    """Address of a service that judges (`datakit serve`), instead of a reward in the trainer's process."""
    force: bool = False
    """Write over a file that is there."""


class ScoreOptions(Frozen):
    """How rules are run."""

    timeout: float | None = Field(None, gt=0)
    """Seconds that a rule may take for one row, at most (default: what it states itself, or 5)."""
    workers: int | None = Field(None, ge=1)
    """Worker processes (default: one a core)."""
    memory_mb: int = Field(2048, ge=64)
    """Memory that a worker may add to what it has after its imports, in MiB."""
    retry: bool = False
    """Run rule errors and time-outs again too."""
    max_failures: float = Field(0.01, ge=0, le=1)
    """Exit 1 above this share of failures: bad rows, missing answers, outcomes error or timeout."""


class TrialOptions(Frozen):
    """On what rules are tried."""

    on: str
    """File with answers, or data set of the store."""
    completion: str | None = None
    """Judge this text, as the answer to every prompt."""
    limit: int = Field(5, ge=1)
    """Answers to judge."""


class PairOptions(Frozen):
    """Which pairs are made of a scored group."""

    strategy: str = "best_vs_worst"
    """Which pairs are proposed (docs/strategies.md), or a function of your own: file.py:function."""
    option: dict[str, JsonValue] = {}
    """Option of the strategy: name=value; repeatable."""
    chosen_recipe: tuple[str, ...] = ()
    """Recipe id (or its beginning) that chosen answers come from; repeatable (default: those of the groups)."""
    rejected_recipe: tuple[str, ...] = ()
    """Recipe id (or its beginning) that rejected answers come from; repeatable (default: those of the groups)."""
    min_margin: float = Field(1e-6, gt=0)
    """Smallest difference between the two rewards."""
    min_chosen_reward: float | None = None
    """Smallest reward of a chosen answer."""
    max_pairs_per_prompt: int = Field(1, ge=1)
    """Keep at most this many pairs of a prompt, those with the largest margins."""
    max_length_ratio: float | None = Field(None, ge=1)
    """Longest over shortest side, in characters."""
    min_distance: float = Field(0.0, ge=0, le=1)
    """Smallest normalised edit distance between the two texts."""
    allow_truncated: Literal["none", "rejected", "both"] = "none"
    """Sides that may be cut off by max_tokens."""
    tokenizer: str | None = None
    """Directory of the trainer's tokenizer: the two sides must differ after its template and max_length."""
    max_length: int = Field(1024, ge=1)
    """The trainer's max_length, in tokens (TRL's default)."""


class DiagnoseOptions(Frozen):
    """What is examined, and what is a warning."""

    threshold: dict[str, JsonValue] = {}
    """Largest figure that is no warning: diagnosis=number; repeatable (docs/diagnose.md has the defaults)."""
    benign: dict[str, JsonValue] = {}
    """Column and value (or list of values) of the harmless prompts: column=value; all must hold; repeatable."""
    fail_on_warning: bool = False
    """Exit 1 if anything is a warning."""
    details: bool = False
    """Print the figures behind every diagnosis, not only behind warnings."""
    sample: int = Field(5000, ge=1)
    """Groups whose texts are read."""


class AuditOptions(Frozen):
    """What is examined in a pair set, what is a warning, and what becomes of the offenders."""

    threshold: dict[str, JsonValue] = {}
    """Largest figure that is no warning: check=number; repeatable (docs/audit.md has the defaults)."""
    held_out: tuple[str, ...] = ()
    """Data set whose prompts are not to be trained on, name or name@version; repeatable."""
    tokenizer: Path | None = None
    """Directory of the trainer's model or tokenizer: finds pairs of which it sees no difference."""
    max_length: int = Field(1024, ge=1)
    """The trainer's max_length, in tokens; counts with --tokenizer."""
    fail_on_warning: bool = False
    """Exit 1 if anything is a warning."""
    details: bool = False
    """Print the figures behind every check, not only behind warnings."""
    fix: bool = False
    """Store a version without the pairs that checks of single pairs name; the ledger says why each went."""
    name: str | None = Field(None, alias="as")
    """Name of that version (default: the set's own; of an ingested file NAME-fixed)."""


class CompareOptions(Frozen):
    """The judge, and what it compares."""

    model: str
    """Name of the judge on its server."""
    base_url: str = Field("http://127.0.0.1:8000/v1", json_schema_extra={"env": "OPENAI_BASE_URL"})
    """Address of an OpenAI-compatible server."""
    rubric: Path | None = None
    """Text file that says what is good (default: correct, complete, clear, short)."""
    pairs_per_prompt: int = Field(1, ge=1)
    """Pairs of answers to each prompt."""
    seed: int = 0
    """Seed of the draw."""
    temperature: float = Field(0.0, ge=0)
    """The judge's temperature."""
    max_tokens: int = Field(1024, ge=1)
    """Longest reply, in tokens."""
    concurrency: int = Field(16, ge=1)
    """Pairs that are out at a time."""
    retries: int = Field(4, ge=0)
    """Further tries after 429, 5xx, a time-out or a broken connection."""
    retry: bool = False
    """Ask again what ended in an error."""
    price_in: float = Field(0.0, ge=0)
    """Dollars for a million tokens of prompts."""
    price_out: float = Field(0.0, ge=0)
    """Dollars for a million tokens of replies."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key."""
    max_failures: float = Field(0.01, ge=0, le=1)
    """Exit 1 above this share of failures: bad rows, missing answers, outcomes error or timeout."""


class ReviewOptions(Frozen):
    """What a person reviews."""

    sample: int = Field(50, ge=1)
    """Prompts to draw."""
    seed: int = 0
    """Seed of the draw."""
    output: Path = Path("review.html")
    """File to write: one HTML page with everything in it."""
    agreement: bool = False
    """Write no page, but say how far people agree with each other and with the reward."""


class SelectOptions(Frozen):
    """Which answers of a group a rejection-sampled set keeps."""

    share: float = Field(0.2, gt=0, le=1)
    """Keep this share of each group, at least one."""
    best: int | None = Field(None, ge=1)
    """Keep this many of each group, instead of a share."""
    floor: float | None = None
    """Smallest reward that is kept (default: above the group's mean)."""
    allow_truncated: bool = False
    """Keep answers that were cut off by max_tokens."""


class ExportOptions(Frozen):
    """How a data set leaves the store."""

    output: Path
    """File to write: .jsonl or .parquet."""
    style: Literal["conversational", "plain"] = "conversational"
    """TRL's conversational form (message lists) or plain strings."""

    @field_validator("output")
    @classmethod
    def _known_suffix(cls, output: Path) -> Path:
        """Known before hours of generation, not after them."""
        if not output.name.endswith(EXPORT_SUFFIXES):
            raise ValueError(f"the name of an export ends in {', '.join(EXPORT_SUFFIXES)}")
        return output

    margin: bool = False
    """Add the column `margin` (TRL's RewardTrainer then uses it in its loss)."""


class TrainOptions(Frozen):
    """What a training starts from, and where it ends."""

    model: str
    """Directory of the model to train, or its hub name."""
    config: Path | None = None
    """YAML file of settings: ours (docs/train.md) and TRL's option names."""
    output: Path
    """Directory for the trained model and its checkpoints."""
    dry_run: bool = False
    """Print steps, tokens, memory and the config that would take effect; start nothing."""


class EvaluateOptions(RecipeOptions):
    """What models are asked, and what is made of their answers."""

    prompts: str
    """Held-out prompts: a file, or a data set of the store (name or name@version)."""
    n: int = Field(4, ge=1)
    """Answers a prompt and model; a column `n` of the prompt overrides it."""
    skip_trained: bool = False
    """Leave out prompts that a model was trained on, instead of refusing them."""
    guard: Path | None = None
    """Reward spec that no model was trained on; of a file of several: file.yaml:name."""
    html: Path | None = None
    """Also write one HTML page with everything in it."""
    engine: str | None = None
    """vllm, openai or transformers (default: vllm where it is installed)."""
    engine_option: dict[str, JsonValue] = {}
    """Option of the engine itself: name=value (such as max_model_len=4096); repeatable. Not part of the recipe."""
    base_url: str | None = None
    """Address of an OpenAI-compatible server (engine openai)."""
    model_revision: str | None = None
    """Revision of a model that a server or a hub holds."""
    max_failures: float = Field(0.01, ge=0, le=1)
    """Exit 1 above this share of failures: bad rows, missing answers, outcomes error or timeout."""
