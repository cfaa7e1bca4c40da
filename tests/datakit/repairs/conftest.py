"""What the tests of repairs share: texts through repairs that are named."""

from collections.abc import Callable

import polars as pl
import pytest

from datakit.repair import Repair
from datakit.text_repairs import TEXTS, RepairedTexts, repair_texts
from rewards.plugins import variant_class

Turn = tuple[int, int, str, str]
"""row, part, role, text."""


@pytest.fixture(scope="session")
def run() -> Callable[..., RepairedTexts]:
    """What the repairs of these names make of some turns."""

    def run(names: list[str], *turns: Turn) -> RepairedTexts:
        repairs = [(name, variant_class("datakit.repairs", name, Repair)()) for name in names]
        return repair_texts(pl.DataFrame(list(turns), schema=TEXTS, orient="row"), repairs)

    return run


@pytest.fixture(scope="session")
def repaired(run) -> Callable[[str | list[str], str], str]:
    """A user's text, the only one of its row, after one repair or several."""

    def repaired(name: str | list[str], text: str) -> str:
        changed = run([name] if isinstance(name, str) else name, (0, 0, "user", text)).texts["text"].to_list()
        return changed[0] if changed else text

    return repaired
