"""Rules that hang, raise, crash and lie, in the middle of normal rows."""

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.engine import Limits, RulePool
from rewards.plugins import find_rule
from rewards.scorer import Scorer, bind
from schemas.errors import RuleError

RULES = Path(__file__).with_name("naughty_rules.py")
Found = tuple[str, float | None, str]


def scorer_of(name: str, **inputs: object) -> Scorer:
    return bind(find_rule(name, [RULES]), inputs=inputs)


def judge(pool: RulePool, scorer: Scorer, inputs: pa.Table) -> list[Found]:
    """The outcomes in the order of the rows; each row must have exactly one."""
    found: dict[int, Found] = {}
    for block in pool.judge(scorer, inputs):
        columns = (block.rows, block.status, block.value, block.reason, block.seconds)
        for row, status, value, reason, seconds in zip(*(c.to_pylist() for c in columns), strict=True):
            assert row not in found
            assert seconds is None or seconds >= 0
            found[row] = (status, value, reason)
    assert sorted(found) == list(range(len(inputs)))
    return [found[row] for row in range(len(inputs))]


def judge_texts(pool: RulePool, rule: str, texts: list[str]) -> list[Found]:
    return judge(pool, scorer_of(rule), pa.table({"completion": pa.array(texts, pa.string())}))


def table(**columns: list[object]) -> pa.Table:
    """A table whose columns other than the completion are JSON text."""
    fields = [
        pa.field(name, pa.string(), metadata=None if name.startswith("completion") else {b"encoding": b"json"})
        for name in columns
    ]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


@pytest.fixture(scope="module")
def pool() -> Iterator[RulePool]:
    with RulePool(Limits(timeout=1.5, workers=2, memory_mb=512)) as pool:
        yield pool


FAILURES = {
    "hangs": ("timeout", "took more than 1.5 s"),
    "hangs in C": ("timeout", "took more than 1.5 s"),
    "ignores SIGTERM": ("timeout", "took more than 1.5 s"),
    "raises": ("error", "ValueError: the first line"),
    "raises nonsense": ("error", "Nonsense"),
    "exits": ("error", "SystemExit: 0"),
    "interrupts": ("error", "KeyboardInterrupt"),
    "kills its process": ("error", "the worker process died (exit code 3)"),
    "crashes": ("error", "the worker process died (signal SIGSEGV)"),
    "returns nan": ("error", "returned nan"),
    "returns inf": ("error", "returned -inf"),
    "returns text": ("error", "returned str '1.0', not a number"),
    "returns a huge int": ("error", "OverflowError: int too large to convert to float"),
    "recurses": ("error", "RecursionError: maximum recursion depth exceeded"),
    "eats 10 GB": ("error", "MemoryError"),
}


def test_every_failure_is_the_outcome_of_its_own_row_and_no_other(pool: RulePool) -> None:
    texts = [text for failure in FAILURES for text in ("good", failure, "fine" * 100)] + ["good"] * 50
    for text, (status, value, reason) in zip(texts, judge_texts(pool, "per_row", texts), strict=True):
        if text in FAILURES:
            assert (status, value, reason) == (FAILURES[text][0], None, FAILURES[text][1])
        else:
            assert (status, value, reason) == ("ok", len(text), "")


def test_a_rule_may_abstain_and_give_reasons(pool: RulePool) -> None:
    found = judge_texts(pool, "per_row", ["does not apply", "says why", "says why not"])
    assert found == [("skip", None, ""), ("ok", 0.25, "a quarter"), ("skip", None, "no answer")]


def test_printing_and_closing_stdout_disturb_nobody(pool: RulePool, capfd: pytest.CaptureFixture[str]) -> None:
    texts = ["closes stdout", "prints a lot"] * 20
    assert judge_texts(pool, "per_row", texts) == [("ok", len(text), "") for text in texts]
    assert capfd.readouterr() == ("", "")


@given(
    texts=st.lists(
        st.sampled_from(["", "good", "raises", "returns nan", "does not apply", "kills its process"]), max_size=30
    ),
    chunk=st.sampled_from([1, 3, 16]),
)
@settings(max_examples=15, deadline=None)
def test_every_row_has_exactly_one_outcome_and_it_is_its_own(pool: RulePool, texts: list[str], chunk: int) -> None:
    expected = {"raises": "error", "returns nan": "error", "kills its process": "error", "does not apply": "skip"}
    scorer = scorer_of("per_row")
    pool._chunks[scorer.scorer_id] = chunk
    found = judge(pool, scorer, pa.table({"completion": pa.array(texts, pa.string())}))
    for text, (status, value, _) in zip(texts, found, strict=True):
        assert status == expected.get(text, "ok")
        assert value == (len(text) if status == "ok" else None)


def test_long_tables_come_back_complete_and_in_place(pool: RulePool) -> None:
    texts = ["x" * (row % 700) for row in range(20_000)]
    assert [value for _, value, _ in judge_texts(pool, "per_row", texts)] == [len(text) for text in texts]


def test_a_row_is_not_blamed_for_its_neighbour(pool: RulePool) -> None:
    chance = random.Random(7)
    texts = [str(chance.choice([0.0, 0.001, 0.095, 0.105, 0.3])) for _ in range(24)]
    for text, (status, _, reason) in zip(texts, judge_texts(pool, "impatient", texts), strict=True):
        assert status == "ok" if float(text) < 0.05 else status in ("ok", "timeout")
        assert status == "timeout" if float(text) > 0.1 else True
        assert reason == ("took more than 0.1 s" if status == "timeout" else "")


def test_a_row_does_not_pay_for_memory_that_earlier_rows_kept(pool: RulePool) -> None:
    assert judge_texts(pool, "hoards", ["x"] * 30) == [("ok", 1.0, "")] * 30


def test_no_row_can_alter_what_the_next_one_gets(pool: RulePool) -> None:
    scorer = scorer_of("alters", known={"constant": ["k"]})
    inputs = table(completion=["x"] * 5, keywords=['["a","b"]'] * 5)
    assert judge(pool, scorer, inputs) == [("ok", 112.0, "")] * 5


def test_nulls_skip_default_or_are_passed_on(pool: RulePool) -> None:
    inputs = table(
        completion=["a", "b", "c", "d", None],
        answer=["1", None, "null", "4", "5"],
        note=['"n"', '"n"', '"n"', None, "null"],
        scale=["3", "1", "1", None, "null"],
        tags=["[]", "[]", "[]", "null", "[]"],
    )
    assert judge(pool, scorer_of("inputs"), inputs) == [
        ("ok", 3.0, ""),
        ("skip", None, "no answer"),
        ("skip", None, "no answer"),
        ("ok", 9.1, ""),
        ("skip", None, "no completion"),
    ]
    assert judge(pool, scorer_of("inputs"), inputs.select(["completion", "answer", "note"]).slice(0, 1)) == [
        ("ok", 2.1, "")
    ]


def test_a_missing_column_is_named(pool: RulePool) -> None:
    with pytest.raises(RuleError, match="rule inputs reads 'answer', which the rows do not have"):
        judge_texts(pool, "inputs", ["x"])


def test_a_pool_survives_a_judgement_that_was_broken_off(pool: RulePool) -> None:
    blocks = pool.judge(scorer_of("sleeps"), pa.table({"completion": ["0.01"] * 100 + ["60"] * 100}))
    next(blocks)
    with pytest.raises(RuntimeError, match="judging already"):
        next(pool.judge(scorer_of("per_row"), pa.table({"completion": ["x"]})))
    blocks.close()  # type: ignore[attr-defined]
    gc.collect()
    assert judge_texts(pool, "per_row", ["x"] * 3) == [("ok", 1.0, "")] * 3


def test_a_file_that_is_edited_meanwhile_is_refused(pool: RulePool, tmp_path: Path) -> None:
    path = tmp_path / "rules.py"
    path.write_text("from rewards import rule\n@rule\ndef one(completion: str) -> float:\n    return 1.0\n")
    scorer = bind(find_rule("one", [path]))
    path.write_text(path.read_text().replace("1.0", "2.0"))
    with pytest.raises(RuleError, match="was edited during the run"):
        judge(pool, scorer, pa.table({"completion": ["x"]}))


def test_a_file_that_only_workers_cannot_load_is_an_error_and_no_endless_loop(pool: RulePool, tmp_path: Path) -> None:
    for line, message in (("1 / 0", "ZeroDivisionError"), ("os._exit(7)", "exit code 7")):
        path = tmp_path / f"rules{len(message)}.py"
        path.write_text(
            "import os, sys\nfrom rewards import rule\n"
            f"if 'rewards.worker' in sys.modules:\n    {line}\n"
            "@rule\ndef one(completion: str) -> float:\n    return 1.0\n"
        )
        with pytest.raises(RuleError, match=message):
            judge(pool, bind(find_rule("one", [path])), pa.table({"completion": ["x"]}))


@pytest.mark.parametrize(("failure", "place"), [("raises", 0), ("hangs", 6), ("kills its process", 15)])
def test_a_failed_batch_is_halved_until_the_row_is_found(pool: RulePool, failure: str, place: int) -> None:
    texts = ["good"] * 16
    texts[place], texts[8], texts[9] = failure, "returns nan", "does not apply"
    found = judge(pool, scorer_of("naughty_rules.py:batched"), pa.table({"completions": texts}))
    expected = [("ok", 4.0, "")] * 16
    expected[place] = (FAILURES[failure][0], None, FAILURES[failure][1])
    expected[8], expected[9] = ("error", None, "returned nan"), ("skip", None, "")
    assert found == expected


def test_a_batch_of_the_wrong_length_is_halved_too(pool: RulePool) -> None:
    inputs = table(completions=["x", "too few", "y", "z"], prompts=["[]"] * 4)
    found = judge(pool, scorer_of("naughty_rules.py:too_few"), inputs)
    assert found[1] == ("error", None, "ValueError: returned 0 values for 1 rows")
    assert [found[row] for row in (0, 2, 3)] == [("ok", 1.0, "")] * 3


def test_a_reward_function_of_trl_gets_what_the_trainer_gives_it(pool: RulePool) -> None:
    inputs = table(
        completions=["a", "b", "c"],
        prompts=['[{"role":"user","content":"q"}]'] * 3,
        keywords=['["k"]', None, '["k","l"]'],
        tag=["5", "6", None],
    )
    found = judge(pool, scorer_of("naughty_rules.py:of_the_trainer"), inputs)
    assert found == [("ok", 6.0, ""), ("skip", None, "no keywords"), ("ok", 2.0, "")]


def test_async_rules_run_side_by_side_and_each_row_has_its_own_limit(pool: RulePool) -> None:
    texts = ["good"] * 100
    texts[3], texts[30], texts[60] = "waits for ever", "raises", "blocks"
    found = judge_texts(pool, "waits", texts)
    expected = [("ok", 4.0, "")] * 100
    expected[3] = expected[60] = ("timeout", None, "took more than 1.5 s")
    expected[30] = ("error", None, "ValueError: no")
    assert found == expected


@pytest.mark.parametrize("failure", ["cannot be cancelled", "blocks in a task", "kills its process"])
def test_an_async_row_that_no_loop_can_stop_is_found(pool: RulePool, failure: str) -> None:
    found = judge_texts(pool, "waits", ["good", "good", failure, "good"])
    status = "error" if failure == "kills its process" else "timeout"
    assert [outcome[0] for outcome in found] == ["ok", "ok", status, "ok"]
