"""How counts are written."""

import pytest

from schemas.report import counted


@pytest.mark.parametrize(
    ("number", "what", "written"),
    [
        (2000, "prompts_with_pairs", "2,000 prompts with pairs"),
        (0, "rules", "0 rules"),
        (1, "rules", "1 rule"),
        (1, "prompts_with_pairs", "1 prompt with pairs"),
        (1, "identical_texts_collapsed", "1 identical text collapsed"),
        (1, "dataset_recipes", "1 dataset recipe"),
        (1, "already there", "1 already there"),
        (1, "from identical answers", "1 from identical answers"),
    ],
)
def test_one_of_something_is_singular(number, what, written):
    assert counted(number, what) == written
