"""Pairs of like length: all that there are, and none else."""

from itertools import permutations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.strategies.length_matched import LengthMatched

CANDIDATES = st.fixed_dictionaries(
    {
        "prompt_id": st.integers(1, 3),
        "reward": st.sampled_from([0.0, 0.5, 1.0]),
        "chars": st.integers(1, 12),
        "choosable": st.booleans(),
        "rejectable": st.booleans(),
    }
)


@settings(deadline=None, max_examples=50)
@given(drawn=st.lists(CANDIDATES, min_size=1, max_size=12), ratio=st.sampled_from([1.0, 1.25, 1.5, 3.0]))
def test_all_pairs_within_the_ratio_are_found_in_any_order(drawn, ratio):
    rows = [{**row, "candidate_id": f"{number:02}"} for number, row in enumerate(drawn)]
    wanted = {
        (c["prompt_id"], c["candidate_id"], r["candidate_id"])
        for c, r in permutations(rows, 2)
        if c["prompt_id"] == r["prompt_id"] and c["choosable"] and r["rejectable"] and c["reward"] > r["reward"]
        and max(c["chars"], r["chars"]) <= ratio * min(c["chars"], r["chars"])
    }  # fmt: skip
    for order in (rows, rows[::-1]):
        found = LengthMatched(ratio=ratio).pair(pl.LazyFrame(order)).collect().rows()
        assert len(found) == len(wanted)
        assert set(found) == wanted
