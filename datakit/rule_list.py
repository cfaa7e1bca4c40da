"""The rules that there are: a line each, or one of them in full."""

from collections.abc import Sequence
from inspect import Parameter, formatannotation
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from rewards.plugins import BUILT_IN, find_rule, rules_in, variant_names
from rewards.rule import CANDIDATE_INPUTS, REQUIRED, Form, Option, Rule
from rewards.signature import parameters_of
from schemas.report import Report, Table


def list_rules(files: Sequence[Path] = ()) -> Report:
    """All rules: those of the files, then the built-in ones.

    Raises:
        RuleError: a file cannot be loaded, or has no rule.
    """
    rules = [rule for path in files for rule in rules_in(path)]
    rules += [find_rule(name, ()) for name in variant_names(BUILT_IN)]
    rows = [(rule.name, _inputs(rule), "\n".join(map(_option, rule.options)), _headline(rule.doc)) for rule in rules]
    return Report(
        stage="rules",
        counts={"rules": len(rows)},
        notes=("`datakit rules NAME` shows one in full; `datakit rules test FILE --on DATA` tries those of a file",),
        tables=(Table(title="", columns=("rule", "reads", "options", "what it says"), rows=tuple(rows)),),
    )


def show_rule(name: str, files: Sequence[Path] = ()) -> Report:
    """One rule in full: what it reads, its options, its whole docstring.

    Args:
        name: a built-in rule, a decorated function of the files, or `file.py:function`.
        files: Python files of rules.

    Raises:
        RuleError: there is none of that name.
    """
    rule = find_rule(name, files)
    parameters = {parameter.name: parameter for parameter in parameters_of(rule.function, rule.name)}
    inputs = [(name, _type(parameters[name]), *_input(rule, name)) for name in _input_names(rule)]
    options = [(option.name, _type(parameters[option.name]), _default(option)) for option in rule.options]
    limit = f"; a row may take {rule.timeout:g} s" if rule.timeout else ""
    return Report(
        stage=f"rule {rule.name}",
        counts={"inputs": len(inputs), "options": len(options)},
        notes=(f"from {rule.origin}, called {_CALLS[rule.form]}{limit}", *rule.doc.split("\n")),
        tables=(
            Table(title="inputs", columns=("input", "type", "what it is", "of a null"), rows=tuple(inputs)),
            Table(title="options", columns=("option", "type", "default"), rows=tuple(options), empty="none"),
        ),
    )


_CALLS = {
    Form.ROW: "row by row",
    Form.BATCH: "with lists of rows, as TRL does",
    Form.COLUMNAR: "once, with Polars expressions",
    Form.ASYNC: "row by row, many at once",
}


def _input_names(rule: Rule) -> list[str]:
    own = [one.name for one in rule.inputs]
    return [*rule.trainer_inputs, *own] if rule.form is Form.BATCH and not rule.all_columns else own


def _inputs(rule: Rule) -> str:
    names = [*_input_names(rule), *(["all columns"] if rule.all_columns else [])]
    return "\n".join(names)


def _input(rule: Rule, name: str) -> tuple[str, str]:
    """What an input is, and what becomes of a row where it is null."""
    one = next((one for one in rule.inputs if one.name == name), None)
    if one is None:
        return "of the candidates", ""
    what = "of the candidate" if name in CANDIDATE_INPUTS else "column of the data set"
    if not one.required:
        return f"{what}; may be missing", f"{one.default!r} instead"
    return what, "is passed on" if one.nullable else "skip"


def _option(option: Option) -> str:
    return f"{option.name}={_default(option)}"


def _default(option: Option) -> str:
    return "(required)" if option.default is REQUIRED else repr(option.default)


def _type(parameter: Parameter) -> str:
    kind = parameter.annotation
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return "" if kind is Any else formatannotation(kind)


def _headline(doc: str) -> str:
    """The first sentence, on one line."""
    return " ".join(doc.split("\n\n")[0].split())
