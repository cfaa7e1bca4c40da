"""`has_code_block`: answers of nothing but code."""

import pytest

from rewards.rules.has_code_block import has_code_block

BLOCK = "```python\nprint(1)\n```"


@pytest.mark.parametrize(
    ("completion", "language", "value"),
    [
        (BLOCK, None, True),
        (f"\n{BLOCK}\n\n{BLOCK}\n", "python", True),
        (f"Here:\n{BLOCK}", None, False),
        (f"{BLOCK}\n完成。", "python", False),
        (f"{BLOCK}\n```sh\nls\n```", "python", False),
        (f"{BLOCK}\n```py\nx\n```", "python", True),
        (f"{BLOCK}\n```python\nprint(2)", "python", False),
        ("print(1)", None, False),
    ],
)
def test_only_code_means_that_nothing_else_is_there(completion, language, value):
    assert has_code_block(completion, language=language, only=True).value is value
