"""Stage compare: a judge says which of two answers to a prompt is better, asked in both orders.

Only what was not judged yet is asked. A verdict that flips with the order is a tie. What a judge answers that is no
verdict is stored as an `error`, which `--retry` asks again; what no server answered is left out, and asked again by the
next run.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from datakit import datasets
from datakit.compare_rows import COMPARED, Match, matches_of, missing_of, standings
from datakit.progress import track
from datakit.run import Run
from datakit.store import Store, insert
from rewards.chat import Reply, Server, TransportError
from rewards.cost import Cost
from rewards.judging import RUBRIC, better_of
from schemas.errors import ConfigError, StageStopped
from schemas.identity import canonical_json, content_id
from schemas.options import CompareOptions
from schemas.report import Report, counted

COMMIT_SECONDS = 2.0
"""Verdicts are stored this often."""
STREAK = 50
"""Identical failures in a row after which the server is taken to be out of order."""


@dataclass(slots=True)
class Tally:
    """What came of this run."""

    verdicts: Counter[str] = field(default_factory=Counter)
    flipped: int = 0
    transport: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said of a match."""

    match: Match
    verdict: str | None
    """left, right or tie; None for a failure."""
    reason: str
    flipped: bool = False
    transport: bool = False
    """The failure is the server's: it is asked again."""
    replies: tuple[Reply, ...] = ()


def compare(dataset: str, options: CompareOptions, *, store: Store) -> Report:
    """Compare answers by a judge.

    Args:
        dataset: prompts with candidates, or pairs: its name (`name[@version]`).
        options: the judge, and how many matches a prompt.
        store: where all is kept; it is closed while the judge is asked.

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: no prompt has two answers, or the rubric cannot be read.
        StageStopped: the same failure 50 times in a row; what was judged is stored.
    """
    settings = _settings(options)
    scorer = content_id(["judge", options.model, settings["rubric"] or RUBRIC, options.temperature])
    with store.read() as con:
        found = datasets.get(con, dataset)
        matches = matches_of(con, found, options.pairs_per_prompt, options.seed)
        if not matches:
            raise ConfigError(f"{found} has no prompt with two different answers")
        missing = missing_of(con, matches, scorer, retry=options.retry)
    tally = Tally()
    run_id = None
    if missing:
        run_id = _judge_all(missing, options, settings, store, (scorer, str(found)), tally)
    with store.read() as con:
        counts, table = standings(con, matches, scorer)
    failures = counts["errors"] + len(matches) - counts["pairs"]
    return Report(
        stage="compare",
        run_id=run_id,
        counts={
            "pairs": len(matches),
            "judged before": len(matches) - len(missing),
            "decided": tally.verdicts["left"] + tally.verdicts["right"],
            "ties": tally.verdicts["tie"],
            "flipped": tally.flipped,
            "errors": tally.verdicts["error"],
            "unanswered": tally.transport,
        },
        notes=tuple(_notes(options, tally, run_id)),
        tables=(table,),
        needs_attention=failures > options.max_failures * len(matches),
    )


def _settings(options: CompareOptions) -> dict[str, Any]:
    try:
        rubric = options.rubric.read_text(encoding="utf-8") if options.rubric else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--rubric {options.rubric}: cannot be read: {error}") from error
    return {
        "model": options.model,
        "rubric": rubric,
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "cache": True,
    }


def _judge_all(
    missing: Sequence[Match],
    options: CompareOptions,
    settings: dict[str, Any],
    store: Store,
    identity: tuple[str, str],
    tally: Tally,
) -> str | None:
    scorer, dataset = identity
    params = {"model": options.model, "base_url": options.base_url, "pairs_per_prompt": options.pairs_per_prompt}
    with (
        Run(store, "compare", params=params, inputs={"dataset": dataset}) as run,
        track("comparing", len(missing), unit="pair") as bar,
    ):
        writer = _Writer(run, scorer, options, tally)

        async def work() -> None:
            async for judged in _judged(missing, options, settings):
                bar.advance()
                writer.add(judged)

        try:
            asyncio.run(work())
        finally:
            writer.commit()
            run.counts.update({**tally.verdicts, "flipped": tally.flipped, "unanswered": tally.transport})
    return run.run_id if run.wrote else None


async def _judged(missing: Sequence[Match], options: CompareOptions, settings: dict[str, Any]) -> AsyncIterator[Judged]:
    """Verdicts as they come, at most `concurrency` matches at a time."""
    server = Server(options.base_url, options.key_variable, retries=options.retries)
    waiting, out = iter(missing), set[asyncio.Task[Judged]]()
    try:
        while True:
            while len(out) < options.concurrency and (match := next(waiting, None)) is not None:
                out.add(asyncio.create_task(_verdict(server, settings, match)))
            if not out:
                return
            done, out = await asyncio.wait(out, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in out:
            task.cancel()


async def _verdict(server: Server, settings: dict[str, Any], match: Match) -> Judged:
    """Both orders."""
    replies: list[Reply] = []
    said = []
    try:
        for first, second in ((match.left, match.right), (match.right, match.left)):
            verdict, reason, reply = await better_of(server, settings, match.turns, first, second)
            replies.append(reply)
            said.append((verdict, reason))
    except TransportError as error:
        return Judged(match, None, f"TransportError: {error}", transport=True, replies=tuple(replies))
    except ValueError as error:
        return Judged(match, None, f"ValueError: {error}", replies=tuple(replies))
    (one, reason), (other, other_reason) = said
    there = {"A": "left", "B": "right", "tie": "tie"}[one]
    back = {"A": "right", "B": "left", "tie": "tie"}[other]
    if there == back:
        return Judged(match, there, reason, replies=tuple(replies))
    flipped = "tie" not in (there, back)
    why = f"{'flipped with the order' if flipped else 'a tie in one order'}: {reason} / {other_reason}"
    return Judged(match, "tie", why, flipped, replies=tuple(replies))


class _Writer:
    """Stores verdicts every few seconds, and stops a run whose server is out of order."""

    def __init__(self, run: Run, scorer: str, options: CompareOptions, tally: Tally) -> None:
        self.run = run
        self.scorer = scorer
        self.options = options
        self.tally = tally
        self.rows: list[dict[str, Any]] = []
        self.committed = time.monotonic()
        self.streak, self.last = 0, ""

    def add(self, judged: Judged) -> None:
        tally = self.tally
        for reply in judged.replies:
            tally.cached += reply.cached
            tally.prompt_tokens += 0 if reply.cached else reply.prompt_tokens
            tally.completion_tokens += 0 if reply.cached else reply.completion_tokens
        if judged.transport:
            tally.transport += 1
        else:
            tally.verdicts[judged.verdict or "error"] += 1
            tally.flipped += judged.flipped
            self.rows.append(self._row(judged))
        failed = judged.verdict is None
        self.streak = self.streak + 1 if failed and judged.reason == self.last else int(failed)
        self.last = judged.reason if failed else ""
        if self.streak >= STREAK:
            raise StageStopped(f"{STREAK} times in a row: {judged.reason}; what was judged is stored")
        if time.monotonic() - self.committed > COMMIT_SECONDS:
            self.commit()

    def _row(self, judged: Judged) -> dict[str, Any]:
        return {
            **judged.match.key(),
            "scorer_id": self.scorer,
            "status": "ok" if judged.verdict else "error",
            "verdict": judged.verdict,
            "reason": judged.reason or None,
            "run_id": self.run.run_id,
        }

    def commit(self) -> None:
        """Store what came since the last time; an error that was asked again is replaced."""
        self.committed = time.monotonic()
        if not self.rows:
            return
        rows, self.rows = pa.Table.from_pylist(self.rows, schema=COMPARED), []
        with self.run.transaction() as con:
            insert(con, "scorers", self._scorer(), unless=["scorer_id"])
            con.register("judged", rows)
            con.execute(f"""
                DELETE FROM comparisons c WHERE scorer_id = '{self.scorer}' AND EXISTS (
                    FROM judged j WHERE j.left_id::UUID = c.left_id AND j.right_id::UUID = c.right_id)
            """)
            con.unregister("judged")
            insert(con, "comparisons", rows)

    def _scorer(self) -> pa.Table:
        options = self.options.model_dump(mode="json", include={"model", "base_url", "temperature", "rubric"})
        row = {"scorer_id": self.scorer, "name": f"judge {self.options.model}", "kind": "judge"}
        said = {"fingerprint": self.scorer, "source": self.options.base_url, "options": canonical_json(options)}
        return pa.Table.from_pylist([{**row, **said}])


def _notes(options: CompareOptions, tally: Tally, run_id: str | None) -> list[str]:
    if run_id is None and not tally.transport:
        return ["nothing to do: every pair is judged"]
    dollars = (tally.prompt_tokens * options.price_in + tally.completion_tokens * options.price_out) / 1e6
    notes = [str(Cost(tally.prompt_tokens, tally.completion_tokens, dollars, tally.cached))]
    if tally.transport:
        notes.append(f"{counted(tally.transport, 'pairs')} got no answer; run the same command again")
    return notes
