"""The root command: finds the commands by listing this folder, and meets every error in one place."""

import ast
import importlib
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from schemas.errors import StageStopped, UserError

STAGES = ("ingest", "clean", "generate", "score", "build-pairs", "reject-sample", "export")
"""Commands that are listed first, in the order of the work; the others follow by name."""

INTERRUPTED = 130
"""128 + SIGINT: what shells expect after Ctrl-C."""

_HERE = Path(__file__).parent


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code.

    0 done, 1 finished but something the user must see, 2 the user's mistake, 130 Ctrl-C.
    """
    verbose = "-v" in arguments or "--verbose" in arguments
    logging.getLogger("datakit").setLevel(logging.DEBUG if verbose else logging.WARNING)
    try:
        code = _app(_wanted(arguments))(list(arguments), prog_name="datakit", standalone_mode=False)
    except (UserError, StageStopped) as error:
        _explain(str(error), verbose)
        return 1 if isinstance(error, StageStopped) else 2
    except typer.TyperException as error:
        _explain(_message(error), verbose)
        return 2
    except KeyboardInterrupt:
        code = INTERRUPTED
    except RuntimeError as error:
        if "Query interrupted" not in str(error):  # DuckDB's word for Ctrl-C
            raise
        code = INTERRUPTED
    if code == INTERRUPTED:
        sys.stderr.write("stopped; what was finished is stored, run the same command again to go on\n")
    return int(code or 0)


def commands() -> dict[str, str]:
    """Help of every command by name, the stages first. A file here is a command if it defines `command`."""
    found = {}
    for path in sorted(_HERE.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "command" for node in tree.body):
            found[path.stem.replace("_", "-")] = ast.get_docstring(tree) or ""
    order = [name for name in STAGES if name in found]
    return {name: found[name] for name in [*order, *sorted(found.keys() - set(order))]}


def _wanted(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if not word.startswith("-")), None)


def _app(wanted: str | None) -> typer.Typer:
    """The app; only the wanted command is imported, the others are there for the overview."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_root)
    for name, help_text in commands().items():
        if name == wanted:
            module = importlib.import_module(f"datakit.cli.{name.replace('-', '_')}")
            app.command(name, help=help_text)(module.command)
        else:
            app.command(name, help=help_text)(_stand_in())
    return app


def _stand_in() -> Callable[[], None]:
    def command() -> None: ...

    return command


def _root() -> None:
    """Preference data that can be trusted, from prompts to DPO pairs, and the rewards behind it."""


def _message(error: typer.TyperException) -> str:
    # Typer's usage errors add the option's name in format_message, which the public base class does not have
    text: str = error.format_message() if hasattr(error, "format_message") else str(error)
    return text


def _explain(message: str, verbose: bool) -> None:
    if verbose:
        traceback.print_exc()
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
