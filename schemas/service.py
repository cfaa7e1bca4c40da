"""What the reward service says and hears, and its settings."""

from typing import Annotated, Literal, NotRequired, Required

from pydantic import ConfigDict, Field, JsonValue, model_validator
from typing_extensions import TypedDict

from schemas.base import Frozen

TOKEN_VARIABLE = "DATAKIT_TOKEN"  # noqa: S105  (its name, not the token)
"""Environment variable of the secret that a service wants and its clients send."""

_OPEN = ConfigDict(extra="allow")


class Part(TypedDict):
    """A part of a message's content."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]  # pydantic reads it, and TypedDict has no other place for it
    text: NotRequired[str | None]


class Message(TypedDict, total=False):
    """A message in OpenAI's form; further fields (tool calls) pass through."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    role: Required[str]
    content: Required[str | list[Part] | None]
    reasoning_content: str | None


class Wire(Frozen):
    """What a client sends: types are taken at their word, so that `true` is no number."""

    model_config = ConfigDict(strict=True)


class RewardItem(Wire):
    """A candidate to judge."""

    id: str | int | None = None
    """Comes back with the result."""
    prompt: str | None = None
    """The user's turn; or `messages`, or neither: rules that read the prompt then do not apply."""
    messages: list[Message] | None = None
    """The conversation up to the turn to be answered."""
    completion: str | list[Message]
    """The answer, as text or as the messages that were generated (the assistant's last one is judged)."""
    columns: dict[str, JsonValue] = {}
    """What the data set says about the prompt: answer, keywords, tests ..."""
    tools: list[dict[str, JsonValue]] | None = None
    """Tools that the model was offered."""
    finish_reason: str | None = None
    """Why the generation ended: stop, length ..."""
    n_tokens: int | None = Field(None, ge=0, lt=2**63)
    """Tokens of the answer."""
    model: str | None = None
    """Who answered."""

    @model_validator(mode="after")
    def _one_prompt(self) -> "RewardItem":
        if self.prompt is not None and self.messages is not None:
            raise ValueError("give `prompt` or `messages`, not both")
        return self


class RewardsRequest(Wire):
    """Body of POST /v1/rewards."""

    items: list[RewardItem]
    """The candidates; none is fine."""
    deadline: float | None = Field(None, gt=0)
    """Seconds until an answer is wanted, if fewer than the service's own."""


class OutcomeResult(Frozen):
    """What one scorer said."""

    status: Literal["ok", "skip", "error", "timeout"]
    """Only `ok` has a value. `skip`: the scorer does not apply."""
    value: float | None = None
    reason: str = ""
    seconds: float = 0.0
    """How long the scorer took."""


class ItemResult(Frozen):
    """What became of one item."""

    id: str | int | None = None
    reward: float | None = None
    """Null where a scorer failed or none applied: never a 0 in its place."""
    reason: str = ""
    """Why there is no reward: `failed_scorer`, `not_scored`, `reward_overflow`, or a sentence."""
    failed: str | None = None
    """The requirement that the answer does not meet, if any; its reward is then the spec's `required_reward`."""
    outcomes: dict[str, OutcomeResult] = {}
    """By scorer."""
    cached: bool = False
    """Whether an equal item was judged before."""


class Timings(Frozen):
    """Seconds that a request took."""

    waited: float = 0.0
    """Until its first item was sent to the scorers."""
    total: float = 0.0
    """From the request's arrival to its answer."""


class Versions(Frozen):
    """What judged."""

    reward_id: str
    """Identity of the reward: its scorers, weights and requirements."""
    scorers: dict[str, str]
    """Fingerprint of each scorer: changes with its code and options."""


class RewardsResponse(Frozen):
    """Answer of POST /v1/rewards."""

    reward: str
    """Name of the reward."""
    items: list[ItemResult]
    """One for each item of the request, in its order."""
    versions: Versions
    timings: Timings


class Problem(Frozen):
    """Why a request was refused."""

    kind: str
    message: str


class ErrorResponse(Frozen):
    """Body of every answer that is not 2xx."""

    error: Problem


class VersionResponse(Frozen):
    """Answer of GET /version."""

    datakit: str
    reward: str
    versions: Versions


class HealthResponse(Frozen):
    """Answer of GET /healthz and /readyz."""

    status: str
    reason: str = ""


class DialectOptions(Frozen):
    """How a trainer's way to ask for rewards is understood, and what it is told where there is none."""

    on_skip: float | None = Field(None, allow_inf_nan=False)
    """Reward of an answer that no scorer applies to, for trainers that have no word for it (default: an error)."""
    on_error: float | None = Field(None, allow_inf_nan=False)
    """Reward of an answer that a scorer failed on, for trainers that have no word for it (default: an error)."""
    label: str = "label"
    """Column that a trainer's one label or ground truth is; the fields of a JSON object are columns of their own."""
    answer_after: str | None = None
    """Where a trainer sends prompt and answer as one text: the answer is what follows the last of this."""
    special_token: tuple[str, ...] = ()
    """Special token to take off the ends of an answer, beside those of the usual models; repeatable."""


class ServeOptions(DialectOptions):
    """Where the service listens, and what it puts up with."""

    host: str = "127.0.0.1"
    """Address to listen on; any other than this machine's own needs a token in DATAKIT_TOKEN."""
    port: int = Field(8000, ge=0, le=65535)
    """Port; 0 is any free one."""
    timeout: float = Field(5.0, gt=0)
    """Seconds that a rule may take for one row."""
    workers: int | None = Field(None, ge=1)
    """Worker processes (default: one a core)."""
    memory_mb: int = Field(2048, ge=64)
    """Memory that a worker may add to what it has after its imports, in MiB."""
    deadline: float = Field(60.0, gt=0)
    """Seconds until a request is answered; what is not judged by then is a `timeout`."""
    max_body_mb: float = Field(16.0, gt=0)
    """Largest body of a request, in MiB."""
    max_items: int = Field(1024, ge=1)
    """Most items of a request."""
    max_chars: int = Field(400_000, ge=1)
    """Longest item, in characters of JSON; the scorers of a longer one are `error`."""
    max_queue: int = Field(8192, ge=1)
    """Most items that wait; more are refused with 429."""
    batch: int = Field(512, ge=1)
    """Most items that are judged together."""
    linger_ms: float = Field(2.0, ge=0)
    """Milliseconds that a batch waits for company while several requests are under way, if a scorer is called for many
    rows at once."""
    cache: int = Field(50_000, ge=0)
    """Judged items that are remembered; 0 is none."""
    lanes: Annotated[int, Field(ge=1, le=16)] = 2
    """Batches at a time: the next has workers of its own while one is held up by a slow row. A reward
    with models has one."""

    @model_validator(mode="after")
    def _request_fits(self) -> "ServeOptions":
        if self.max_items > self.max_queue:
            raise ValueError(f"max_queue ({self.max_queue}) must hold a request of max_items ({self.max_items})")
        return self
