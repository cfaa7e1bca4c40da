"""`in_language`: a columnar rule over whole columns."""

import json

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.admission import JSON
from rewards.engine import RulePool
from rewards.plugins import find_rule
from rewards.scorer import bind

POOL = RulePool()
ENGLISH = "The weather is nice today, and we are going to the park with our friends."
CHINESE = "今天天气很好，我们和朋友一起去公园散步。"
MIXED = "我们用 Python 和 PyTorch 训练模型，然后用 vLLM 部署到 GPU 上，效果很好。"
CODE = "```python\nfor item in the_list:\n    print(item)\n```"


def judge(completions: list[str], languages: list[object] | None = None, constant: object = None) -> list[object]:
    """The value of each row, `skip`, or the reason of an error."""
    columns = [pa.array(completions)]
    fields = [pa.field("completion", pa.string())]
    if languages is not None:
        columns.append(pa.array([json.dumps(one) for one in languages]))
        fields.append(pa.field("language", pa.string(), metadata=JSON))
    inputs = {} if languages is not None else {"language": {"constant": constant}}
    found: dict[int, object] = {}
    for block in POOL.judge(bind(find_rule("in_language", []), inputs=inputs), pa.table(columns, pa.schema(fields))):
        rows = zip(*(c.to_pylist() for c in (block.rows, block.status, block.value, block.reason)), strict=True)
        for row, status, value, reason in rows:
            found[row] = bool(value) if status == "ok" else reason if status == "error" else status
    return [found[row] for row in range(len(completions))]


def test_the_language_is_a_column_with_a_code_or_several():
    texts = [ENGLISH, CHINESE, ENGLISH, CHINESE, MIXED, CHINESE]
    assert judge(texts, ["en", "zh", "zh", "en", "zh", "zh-CN"]) == [True, True, False, False, True, True]
    assert judge(texts[:3], [["en", "zh"], ["fr", "de"], ["en"]]) == [True, False, True]


def test_it_may_be_a_constant():
    assert judge([ENGLISH, CHINESE], constant="EN") == [True, False]
    assert judge([ENGLISH, CHINESE], constant=["zh", "en-US"]) == [True, True]


def test_code_does_not_count_and_where_nothing_can_be_told_it_does_not_apply():
    assert judge([f"{CHINESE}\n{CODE}", CODE, "42", ""], constant="zh") == [True, "skip", "skip", "skip"]
    assert judge([ENGLISH, ENGLISH], [None, []]) == ["skip", "skip"]


def test_a_code_that_stands_for_nothing_is_an_error_of_its_row():
    found = judge([ENGLISH] * 3, ["en", "english", "zh"])
    assert found[0] is True
    assert found[2] is False
    assert "language: ['english'] is none of: en, fr" in str(found[1])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from([ENGLISH, CHINESE, MIXED, CODE, "42"]), min_size=1, max_size=6))
def test_a_row_does_not_depend_on_the_others(texts):
    assert judge(texts, constant="zh") == [judge([text], constant="zh")[0] for text in texts]
