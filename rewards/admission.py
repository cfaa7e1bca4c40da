"""Which rows a rule is called on, and what its workers must know: nulls are settled before anything is sent."""

import cloudpickle
import pyarrow as pa
import pyarrow.compute as pc

from rewards.calls import SKIP, Argument, Job
from rewards.judged import Judged, same
from rewards.rule import Form, Input
from rewards.scorer import Scorer
from schemas.errors import RuleError, did_you_mean

JSON = {b"encoding": b"json"}
"""Metadata of a field that holds JSON text."""

_OF_TRAINER = ("prompts", "completions")
"""Columns of the batched form: the prompt's messages (JSON) and the answer's text."""


def is_json(inputs: pa.Table, name: str) -> bool:
    """Whether a column holds JSON text."""
    metadata = inputs.schema.field(name).metadata or {}
    return JSON.items() <= metadata.items()


def admit(scorer: Scorer, inputs: pa.Table) -> tuple[pa.Table, pa.Array, list[Judged]]:
    """Split off the rows that the rule does not apply to.

    Returns:
        The other rows, their numbers, and the blocks of those split off.

    Raises:
        RuleError: the table lacks a column that the rule needs.
    """
    rows, skipped = pa.arange(0, len(inputs)), []
    for wanted in scorer.rule.inputs:
        if wanted.name in scorer.constants or not _needed(wanted, inputs, scorer):
            continue
        there = _present(inputs, wanted.name)
        if there is not None:
            skipped.append(same(rows.filter(pc.invert(there)), SKIP, f"no {wanted.name}"))
            rows, inputs = rows.filter(there), inputs.filter(there)
    return inputs, rows, skipped


def _needed(wanted: Input, inputs: pa.Table, scorer: Scorer) -> bool:
    """Whether a null means that the rule does not apply."""
    if wanted.name not in inputs.column_names:
        if wanted.required:
            raise _missing(scorer, wanted.name, inputs)
        return False
    return wanted.required and not wanted.nullable


def _missing(scorer: Scorer, name: str, inputs: pa.Table) -> RuleError:
    known = did_you_mean(name, inputs.column_names)
    return RuleError(f"rule {scorer.name} reads {name!r}, which the rows do not have; {known}")


def _present(inputs: pa.Table, name: str) -> pa.Array | None:
    """Where a column has a value: no null, neither SQL's nor JSON's. None: everywhere."""
    column = inputs.column(name)
    if is_json(inputs, name):
        there = pc.fill_null(pc.not_equal(column, "null"), False)
        return None if pc.all(there, min_count=0).as_py() else there.combine_chunks()
    return pc.is_valid(column).combine_chunks() if column.null_count else None


def job_of(scorer: Scorer, inputs: pa.Table, *, timeout: float, in_flight: int) -> tuple[bytes, list[str]]:
    """What a worker must know to run a scorer's rule on a table's rows, and the columns that it must be sent."""
    rule = scorer.rule
    names = [i.name for i in rule.inputs if i.name not in scorer.constants and i.name in inputs.column_names]
    if rule.form is Form.BATCH:
        own = [name for name in _OF_TRAINER if name in rule.trainer_inputs]
        absent = [name for name in own if name not in inputs.column_names]
        if absent and not rule.all_columns:
            raise _missing(scorer, absent[0], inputs)
        names += inputs.column_names if rule.all_columns else own
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    wanted = {i.name: i for i in rule.inputs}
    arguments = []
    for name in dict.fromkeys([*wanted, *places]):
        optional = name in wanted and not wanted[name].required and not wanted[name].nullable
        if name in places:
            arguments.append(Argument(name, places[name], is_json(inputs, name), optional))
        elif name in scorer.constants:
            arguments.append(Argument(name, constant=scorer.constants[name]))
        else:
            arguments.append(Argument(name, optional=True))
    defaults = {option.name: option.default for option in rule.options}
    options = {name: value for name, value in scorer.options.items() if value is not defaults.get(name)}
    job = Job(rule.origin, rule.form, tuple(arguments), options, rule.trainer_inputs, timeout, in_flight)
    return cloudpickle.dumps(job), list(places)
