"""Running the per-row and the batched form of a rule over a task's rows, in a worker."""

import os
from collections.abc import Sequence
from time import monotonic
from typing import Any

from rewards.calls import OK, Failure, Finding, Loaded, attempt, finding, safe_finding, trainer_arguments
from rewards.slot import Phase, Slot


def run_rows(slot: Slot, rule: Loaded, columns: Sequence[list[Any]], rows: int, *, fresh: bool) -> None:
    """Judge row by row.

    Args:
        slot: where the outcomes go.
        rule: the rule.
        columns: its columns, each a list over the rows.
        rows: how many.
        fresh: whether a row that runs out of memory is to blame itself. Otherwise earlier rows may have filled it, so
            the process ends and the row is tried again in another.
    """
    given, prepare = rule.rows(columns, rows)
    function = rule.function
    call, since, seconds, values, codes = slot.call, slot.since, slot.seconds, slot.values, slot.codes
    call[1] = 1
    now = monotonic()
    for row, raw in enumerate(given):
        since[0] = now
        call[0] = row
        try:
            arguments = raw if prepare is None else prepare(raw)
            code, value, reason = finding(function(*arguments, **rule.keywords()))
        except BaseException as error:  # noqa: BLE001  (the same boundary as `attempt`, without its cost)
            failure = Failure(error)
            code, value, reason = finding(failure)
            if failure.memory:
                _retire(slot, row, reason if fresh or row == 0 else None)
        if reason:
            slot.explain(row, reason)
        values[row] = value
        then, now = now, monotonic()
        seconds[row] = now - then
        codes[row] = code
    call[0] = Phase.BETWEEN
