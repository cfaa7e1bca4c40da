"""List the rules, show one in full, or try the rules of a file on a few answers.

\b
datakit rules                                          all of them
datakit rules length_band                              one in full
datakit rules test my_rules.py --on prompts.jsonl      the rules of a file on five answers
"""

from pathlib import Path
from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.errors import ConfigError
from schemas.options import RewardOptions, ScoreOptions, TrialOptions
from schemas.report import Report


@prints_reports
def command(
    session: Session,
    reward: RewardOptions,
    trial: TrialOptions | None,
    limits: ScoreOptions,
    name: Annotated[str | None, typer.Argument(help="A rule, or `test`.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Argument(help="After `test`: a Python file of rules.", show_default=False)
    ] = None,
) -> Report:
    """Parse, look or try, print."""
    from datakit.rule_list import list_rules, show_rule
    from datakit.rule_trial import try_rules
    from datakit.store import Store

    if name != "test":
        if trial is not None or file is not None:
            raise ConfigError("to try rules, write: datakit rules test FILE --on DATA")
        return show_rule(name, reward.rules) if name else list_rules(reward.rules)
    if trial is None:
        raise ConfigError("datakit rules test: on what? Name a file or a data set with --on")
    rules = (*([file] if file else []), *reward.rules)
    if not rules and reward.reward is None:
        raise ConfigError("datakit rules test: which rules? Name a Python file, or a spec with --reward")
    given = reward.model_copy(update={"rules": rules})
    return try_rules(given, trial, limits, store=Store(session.store_path))
