"""Which format a file has: the one that can read its rows and takes the most of their fields."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from datakit.conversation import RowError
from datakit.format import OF_CONTENT, Fields, Format
from rewards.plugins import variant_class, variant_names
from schemas.errors import ConfigError, InputError, did_you_mean
from schemas.report import counted

PACKAGE = "datakit.formats"


def formats() -> dict[str, Format]:
    """All formats by name."""
    return {name: _format(name) for name in variant_names(PACKAGE)}


def _format(name: str) -> Format:
    return variant_class(PACKAGE, name, Format)()  # type: ignore[type-abstract]


def named_format(name: str) -> Format:
    """The format of that name.

    Raises:
        ConfigError: there is none.
    """
    names = variant_names(PACKAGE)
    if name not in names:
        raise ConfigError(f"--format {name}: there is no such format; {did_you_mean(name, names)}")
    return _format(name)


def recognise(rows: Sequence[Any], source: str) -> tuple[str, str]:
    """The format of a file, by its first rows.

    Args:
        rows: the first rows that could be parsed, fields renamed.
        source: the file, for messages.

    Returns:
        The format's name, and why it is that one.

    Raises:
        InputError: no format reads any of them, or several fit equally well.
    """
    known = formats()
    votes: Counter[str] = Counter()
    why: dict[str, list[str]] = {}
    for row in rows:
        taken = {name: fields for name, layout in known.items() if (fields := _taken(layout, row))}
        real = {name: fields for name, fields in taken.items() if not known[name].fallback} or taken
        most = max((len(fields) for fields in real.values()), default=0)
        for name, fields in real.items():
            if len(fields) == most:
                votes[name] += 1
                why.setdefault(name, fields)
    if not votes:
        raise InputError(_unknown(rows, known, source))
    best = votes.most_common(1)[0][1]
    winners = sorted(name for name, count in votes.items() if count == best)
    if len(winners) > 1:
        raise InputError(f"{source}: its fields fit {' and '.join(winners)} alike; say which with --format")
    name = winners[0]
    return name, f"{best} of {counted(len(rows), 'rows')} looked at had its fields {', '.join(why[name])}"


def _taken(layout: Format, row: Any) -> list[str]:
    """The fields that a format takes from a row, in the row's order; none if the row is of another form."""
    if not isinstance(row, dict):
        return []
    fields = Fields(row)
    try:
        layout.read(fields)
    except RowError as error:
        if error.reason not in OF_CONTENT:
            return []
    return [name for name in fields.row if name in fields.taken and fields.row[name] is not None]


def _unknown(rows: Sequence[Any], known: dict[str, Format], source: str) -> str:
    found = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    what = f"the rows have the fields {', '.join(found)}" if found else "the rows are no objects with fields"
    return (
        f"{source}: no format is recognised: {what}; rename fields (such as --map prompt=FIELD) or name the format "
        f"(--format); there are: {', '.join(known)}"
    )
