"""The command line: one file a command, loaded when it is called; its first docstring line is its help."""

import sys

from datakit.cli.shadow import shadowing_file


def main() -> None:
    """Entry point: the user's mistakes get one line, ours keep their traceback."""
    foreign = shadowing_file()
    if foreign is not None:
        sys.stderr.write(
            f"error: {foreign} hides a package of Datakit's; rename it, or take its directory off PYTHONPATH\n"
        )
        sys.exit(2)
    from datakit.cli.app import run

    sys.exit(run(sys.argv[1:]))
