"""What several tests of the library need: files of rows, and what became of them in a store."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from datakit.ingest import ingest
from datakit.inputs import inputs_hash_sql
from datakit.run import Run
from datakit.store import Store, insert
from rewards.outcome import Outcome
from rewards.spec import Reward, RewardSpec, reward_of
from schemas.identity import content_id
from schemas.options import IngestOptions
from schemas.report import Report


class Desk:
    """A store of its own, files to ingest into it, and a look at what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "store.duckdb")

    def file(self, content: Any, name: str = "data.jsonl") -> Path:
        """A file of bytes, or of rows as JSON lines."""
        path = self.folder / name
        if not isinstance(content, bytes):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content).encode()
        path.write_bytes(content)
        return path

    def ingest(self, content: Any, name: str = "data.jsonl", **options: Any) -> Report:
        """Ingest such a file, or a path."""
        path = content if isinstance(content, Path) else self.file(content, name)
        return ingest(path, IngestOptions(**options), store=self.store)

    def sql(self, query: str) -> list[Any]:
        """Rows of a query; single values where it has one column."""
        with self.store.read() as con:
            rows = con.execute(query).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def json(self, query: str) -> list[Any]:
        """Values of a query's only column, which is JSON."""
        return [None if value is None else json.loads(value) for value in self.sql(query)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def make_desk(tmp_path: Path) -> Callable[[str], Desk]:
    """Several of them, by name."""

    def make(name: str) -> Desk:
        folder = tmp_path / name
        folder.mkdir()
        return Desk(folder)

    return make


@dataclass(frozen=True)
class Drawn:
    """A candidate of a test's group: what it says, and what each scorer of the reward said of it."""

    text: str
    outcomes: Sequence[Outcome | None] = ()
    finish_reason: str | None = "stop"
    messages: list[dict[str, Any]] | None = None


def fill_groups(
    store: Store,
    groups: Sequence[Sequence[Drawn]],
    reward: Reward,
    *,
    prompts: Sequence[list[dict[str, Any]]] | None = None,
    tools: list[dict[str, Any]] | None = None,
    reverse: bool = False,
) -> None:
    """Put the data set `p` into a store: one prompt a group, scored candidates of one recipe.

    Args:
        store: where to.
        groups: the candidates of each prompt.
        reward: whose scorers gave their outcomes.
        prompts: the prompts' messages (default: one user turn).
        tools: tools of all prompts.
        reverse: store all rows the other way round, with the same ids.
    """
    asked = prompts or [[{"role": "user", "content": f"Question {number}?"}] for number in range(len(groups))]
    ids = [content_id([messages, number]) for number, messages in enumerate(asked)]
    recipe = content_id("recipe")
    columns = json.dumps({"answer": "42", "keywords": ["a"]})
    with Run(store, "generate", params={}, inputs={}) as run, run.transaction() as con:
        rows: dict[str, list[dict[str, Any]]] = {
            "prompts": [
                {"prompt_id": key, "messages": json.dumps(messages), "tools": json.dumps(tools) if tools else None}
                for key, messages in zip(ids, asked, strict=True)
            ],
            "members": [
                {"dataset": "p", "version": 1, "prompt_id": key, "columns": columns, "line": line}
                for line, key in enumerate(ids, 1)
            ],
            "candidates": [],
            "scores": [],
        }
        hashes = [
            con.execute(f"SELECT {inputs_hash_sql(scorer, f'({columns!r}::JSON)')}::VARCHAR").fetchall()[0][0]
            for scorer in reward.scorers
        ]
        for key, group in zip(ids, groups, strict=True):
            for index, drawn in enumerate(group):
                candidate = {"candidate_id": content_id([key, index]), "prompt_id": key, "recipe_id": recipe}
                answer = {"text": drawn.text, "finish_reason": drawn.finish_reason}
                turns = {"messages": json.dumps(drawn.messages) if drawn.messages else None}
                rows["candidates"].append({**candidate, **answer, **turns, "sample_index": index, "origin": "sample"})
                for scorer, inputs, outcome in zip(reward.scorers, hashes, drawn.outcomes, strict=False):
                    if outcome is not None:
                        score = {"candidate_id": candidate["candidate_id"], "scorer_id": scorer.scorer_id}
                        verdict = {"status": outcome.status.value, "value": outcome.value}
                        rows["scores"].append({**score, **verdict, "inputs_hash": inputs})
        con.execute("INSERT INTO recipes VALUES (?, 'tiny', 'r1', '{}')", [recipe])
        con.execute("INSERT INTO dataset_recipes VALUES ('p', ?)", [recipe])
        con.execute("INSERT INTO datasets VALUES ('p', 1, 'prompts', ?, '{}')", [run.run_id])
        for table, found in rows.items():
            if table in ("candidates", "scores"):
                found = [{**row, "run_id": run.run_id} for row in found]
            if found:
                insert(con, table, pa.Table.from_pylist(found[::-1] if reverse else found))


@pytest.fixture(scope="session")
def fill() -> Callable[..., None]:
    """`fill_groups`, for tests that hypothesis runs many times."""
    return fill_groups


@pytest.fixture(scope="session")
def drawn() -> type[Drawn]:
    """A candidate of a test's group."""
    return Drawn


@pytest.fixture(scope="session")
def make_reward(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Reward]:
    """A reward over the rules a, b, c and d, whose outcomes tests write themselves; d reads the column `answer`."""
    path = tmp_path_factory.mktemp("rules") / "letters.py"
    path.write_text(
        "from rewards import rule\n"
        + "".join(f"@rule\ndef {name}(completion: str) -> float: return 1.0\n" for name in "abc")
        + "@rule\ndef d(completion: str, answer: str) -> float: return 1.0\n"
    )
    return lambda **spec: reward_of(RewardSpec(rules=(path,), **spec))
