"""Option models become command-line options: same names, types, defaults and help."""

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pytest
import typer
from pydantic import Field

from datakit.cli.bind import options_from_models
from schemas import options
from schemas.base import Frozen
from schemas.errors import ConfigError


class Knobs(Frozen):
    level: int = Field(3, ge=1)
    """How much."""
    word: str | None = None
    """A word."""
    mode: Literal["a", "b"] = "a"
    """A mode."""
    many: tuple[str, ...] = ("x",)
    """Several."""
    extra: dict[str, Any] = {}
    """Free settings."""
    flag: bool = False
    """On or off."""


class Needs(Frozen):
    target: tuple[str, ...] = Field(min_length=1)
    """Required."""
    level: int = 3
    """Shared with Knobs."""


def call(*models: Any, **given: object) -> list[Any]:
    received: list[Any] = []

    def command(name: Annotated[str, typer.Argument()], **built: Any) -> None: ...

    parameters = [
        inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, typer.Argument()])
    ]
    for number, model in enumerate(models):
        parameters.append(inspect.Parameter(f"m{number}", inspect.Parameter.KEYWORD_ONLY, annotation=model))

    def function(**values: Any) -> None:
        received.extend(values[f"m{number}"] for number in range(len(models)))

    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    bound = options_from_models(function)
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(bound).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    bound(**{"name": "n", **defaults, **given})
    return received


def test_defaults_come_from_the_model():
    assert call(Knobs) == [Knobs()]


def test_values_reach_the_model_with_their_types():
    [knobs] = call(Knobs, level=5, many=["p", "q"], extra=["k=50", "on=true", "list=[a, b]"], flag=True)
    assert knobs == Knobs(level=5, many=("p", "q"), extra={"k": 50, "on": True, "list": ["a", "b"]}, flag=True)


def test_a_value_out_of_bounds_names_the_option():
    with pytest.raises(ConfigError, match=r"--level 0: .*greater than or equal to 1"):
        call(Knobs, level=0)


def test_an_assignment_without_a_name_is_refused():
    for word in ("k", "=3"):
        with pytest.raises(ConfigError, match="name=value"):
            call(Knobs, extra=[word])


def test_a_value_that_is_not_yaml_is_refused_with_its_option():
    with pytest.raises(ConfigError, match=r"--extra k=\[: the value is not YAML"):
        call(Knobs, extra=["k=["])


def test_a_model_whose_required_field_is_missing_is_none():
    assert call(Needs | None) == [None]
    assert call(Needs | None, target=["t"]) == [Needs(target=("t",))]


def test_models_share_an_option_of_the_same_name():
    assert call(Knobs, Needs | None, level=7, target=["t"]) == [Knobs(level=7), Needs(target=("t",), level=7)]


def every_model() -> list[type[Frozen]]:
    found = [kind for kind in vars(options).values() if isinstance(kind, type) and issubclass(kind, Frozen)]
    return [kind for kind in found if kind is not Frozen]


@pytest.mark.parametrize("model", every_model())
def test_every_option_of_every_stage_has_help_and_a_type_for_the_command_line(model):
    def function(given: Any) -> None: ...

    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("given", inspect.Parameter.KEYWORD_ONLY, annotation=model)]
    )
    for parameter in inspect.signature(options_from_models(function)).parameters.values():
        option = get_args(parameter.annotation)[1]
        assert option.help
        assert option.default.startswith("-")  # Typer's name for the first declaration of an Annotated option


def test_options_that_share_a_name_share_their_default():
    """build-pairs spreads most models into one command; an option must not mean two things there."""
    seen: dict[str, Any] = {}
    stages = (options.IngestOptions, options.GenerateOptions, options.GroupOptions, options.RewardOptions)
    for model in (*stages, options.ScoreOptions, options.PairOptions, options.ExportOptions):
        for name, field in model.model_fields.items():
            assert seen.setdefault(name, field.default) == field.default, f"{model.__name__}.{name}"


def test_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="Extra inputs"):
        Knobs(levle=3)  # type: ignore[call-arg]


def test_paths_are_paths():
    assert options.ExportOptions(output="x.jsonl").output == Path("x.jsonl")
