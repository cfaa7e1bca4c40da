"""`chrf`: F2 of the n-grams of characters."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from rewards.rules.chrf import chrf

CASES = [
    ("The cat sat on the mat.", ["The cat is on the mat."]),
    ("今天天气很好", ["今天的天气不错", "天气很好"]),
    ("", ["a"]),
    ("abc", ["xyz"]),
    ("a", ["a"]),
    ("Wer hat an der Uhr gedreht?", ["Wer hat die Uhr gedreht?"]),
]


@pytest.mark.parametrize("word_order", [0, 2])
@pytest.mark.parametrize(("completion", "references"), CASES)
def test_it_is_the_value_of_sacrebleu(completion, references, word_order):
    expected = CHRF(word_order=word_order).sentence_score(completion, references).score / 100
    assert chrf(completion, references, word_order=word_order).value == pytest.approx(expected)


def by_definition(text: str, reference: str) -> float:
    """Popović 2015 with beta = 2, over the orders that both texts have."""
    precisions, recalls = [], []
    for n in range(1, 7):
        left, right = (Counter(one[i : i + n] for i in range(len(one) - n + 1)) for one in (text, reference))
        if left and right:
            shared = (left & right).total()
            precisions.append(shared / left.total())
            recalls.append(shared / right.total())
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


short = st.text("ab天气", min_size=1, max_size=12)


@given(short, short)
def test_it_is_the_value_of_the_definition(text, reference):
    assert chrf(text, reference).value == pytest.approx(by_definition(text, reference))


def test_equal_texts_have_one_and_without_a_reference_it_does_not_apply():
    assert chrf("The cat sat on the mat.", "The cat sat on the mat.").value == 1.0
    assert chrf("x", "").value is None
    with pytest.raises(TypeError, match="reference: a text or a list of texts is wanted, found float"):
        chrf("x", 1.5)
