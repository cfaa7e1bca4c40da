"""Audits of what files really hold: other turns and tools, odd characters, trainers that see no difference, nothing."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from datakit.audit import audit, examined
from datakit.compare_pairs import compare_pairs
from schemas.options import AuditOptions

CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of single bytes with a template."""
    folder = tmp_path_factory.mktemp("letters")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text("{% for m in messages %}[{{ m.content }}]{% endfor %}")
    return folder


def test_pairs_that_differ_only_after_max_length_are_no_pairs_to_the_trainer(desk: Any, letters: Path) -> None:
    rows = [
        {"prompt": "Why?", "chosen": "x" * 50 + " a", "rejected": "x" * 50 + " b"},
        {"prompt": "How?", "chosen": "a" + "x" * 50, "rejected": "b" + "x" * 50},
        {"prompt": "q" * 60, "chosen": "yes", "rejected": "no"},
    ]
    desk.ingest(rows)
    short = examined("data", AuditOptions(tokenizer=letters, max_length=40), desk.store)
    named = short[2]["same_tokens"].offenders.join(short[0].pairs, on="row").select("prompt", "why").rows()
    assert sorted(named) == [("Why?", "same_after_truncation"), ("q" * 60, "prompt_too_long")]
    assert examined("data", AuditOptions(tokenizer=letters), desk.store)[2]["same_tokens"].figure == 0


def test_tools_turns_nulls_and_odd_characters_are_read_and_fixed(desk: Any) -> None:
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Look up."}]
    calling = [{"role": "assistant", "content": None, "tool_calls": [CALL]}]
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    said = [{"role": "assistant", "content": "It is blue today."}]
    rows: list[dict[str, Any]] = [
        {"prompt": asked, "chosen": calling, "rejected": said, "tools": [TOOL], "note": None},
        {"prompt": [*talk, asked[1]], "chosen": said, "rejected": calling, "note": "x"},
        {"prompt": talk[:1], "chosen": talk[1:], "rejected": [{"role": "assistant", "content": "\u200b \u2060"}]},
        {
            "prompt": [{"role": "user", "content": "👩‍🔬?"}],
            "chosen": said,
            "rejected": [{**said[0], "content": "☁️🙂"}],
        },
        {"prompt": [{"role": "user", "content": "x" * 200_000}], "chosen": said, "rejected": talk[1:]},
    ]
    desk.ingest(rows)
    done = audit("data", AuditOptions(fix=True, details=True), store=desk.store)
    assert done.reasons == {"empty_sides": 1}
    assert (done.counts["kept"], done.counts["dropped"]) == (4, 1)
    shared = compare_pairs("data", "data-fixed", store=desk.store).counts
    assert (shared["pairs in common"], shared["turned round"], shared["only in data@1"]) == (4, 0, 1)


def test_a_set_of_no_pairs_says_that_nothing_could_be_examined(desk: Any) -> None:
    with desk.store.write() as con:
        con.execute("INSERT INTO datasets VALUES ('none', 1, 'pairs', uuid(), '{}')")
    done = audit("none", AuditOptions(fail_on_warning=True), store=desk.store)
    assert done.notes == ("nothing could be examined: no pairs",)
    assert done.exit_code == 1
