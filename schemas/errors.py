"""The one error tree. The command line maps it to exit codes, the service has its own branch.

    DatakitError
    ├── UserError            the user can mend it: one line, exit 2
    │   ├── ConfigError      an option, a spec or a config file
    │   ├── InputError       an input file or a row of it
    │   ├── NotFoundError    a name that the store or the disk does not have
    │   ├── RuleError        a rule that cannot be loaded or does not fit the data set
    │   └── StoreError       the store cannot be opened or written
    │       └── StoreBusyError   another process holds it
    ├── ServiceError         a reward service that cannot be reached, or refuses what it was sent
    ├── NoRewardError        an answer without a reward, for a trainer that must have a number
    ├── StageStopped         a stage gave up (50 identical failures in a row): one line, exit 1
    └── Refusal              the service does not take a request: an HTTP status (rewards/service/refusal.py)

A message says what was found, where, and how to mend it.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class DatakitError(Exception):
    """Root of everything that Datakit raises on purpose."""


class UserError(DatakitError):
    """A mistake that the user can mend; shown as one line."""


class ConfigError(UserError):
    """An option, a spec or a config file is wrong."""


class InputError(UserError):
    """An input file cannot be read as asked."""


class NotFoundError(UserError):
    """A name that does not exist."""


class RuleError(UserError):
    """A rule cannot be loaded, or does not fit the data set."""


class StoreError(UserError):
    """The store cannot be opened or written."""


class StoreBusyError(StoreError):
    """Another process holds the store."""


class ServiceError(DatakitError):
    """A reward service cannot be reached, or refuses what it was sent."""


class NoRewardError(DatakitError):
    """An answer has no reward, the trainer has no word for that, and nothing says what it counts as."""


class StageStopped(DatakitError):  # noqa: N818  (an outcome rather than a mistake)
    """A stage gave up after too many identical failures; what is stored stays."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown name: the nearest known one, and all of them."""
    names = sorted(set(known))
    if not names:
        return "there are none"
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}there are: {', '.join(names)}"
