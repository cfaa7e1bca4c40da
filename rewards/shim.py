"""The one file that a trainer loads to use a reward: a few lines that call a dialect."""

from textwrap import dedent, indent

from rewards.dialect import Shim
from rewards.plugins import load_variant, variant_names
from rewards.source import refuse_normalised
from rewards.spec import load_reward
from schemas.errors import ConfigError, InputError, did_you_mean
from schemas.options import RewardOptions, ShimOptions

DIALECTS = "rewards.dialects"


def export_reward(reward: RewardOptions, options: ShimOptions) -> str:
    """Write the file.

    Args:
        reward: the reward that the file names; it is loaded once, so that what is wrong with it is told now.
        options: the trainer, the file, and what the dialect is told.

    Returns:
        How the trainer is told of the file.

    Raises:
        ConfigError: there is no such trainer, or the reward or the options do not fit it.
        InputError: the file is there already.
    """
    shims = {name: found for name in variant_names(DIALECTS) if (found := _shim(name)) is not None}
    if options.to not in shims:
        raise ConfigError(f"--to {options.to}: unknown; {did_you_mean(options.to, shims)}")
    shim = shims[options.to]
    name, judge = _judge(reward, options, shim)
    shim.check(options)
    if options.output.exists() and not options.force:
        raise InputError(f"{options.output} is there already; --force writes over it")
    use = shim.use.format(file=options.output, module=options.output.stem)
    told = options.model_dump(include={"on_skip", "on_error", "label", "special_token"}, exclude_defaults=True)
    lines = [
        f'"""Reward {name} for {shim.trainer}; written by `datakit export-reward`.',
        "",
        indent(use, "    "),
        '"""',
    ]
    lines += ["", "from pathlib import Path"] if "Path(" in judge else []
    lines += ["", f"from rewards.dialects import {options.to}"]
    lines += ["from schemas.service import DialectOptions"] if shim.options else []
    lines += ["", f"JUDGE = {judge}"]
    lines += [f"OPTIONS = DialectOptions.model_validate({told})"] if shim.options else []
    lines += [dedent(shim.body).rstrip(), ""]
    options.output.write_text("\n".join(lines), encoding="utf-8")
    return use


def _shim(dialect: str) -> Shim | None:
    found: Shim | None = getattr(load_variant(DIALECTS, dialect), "SHIM", None)
    return found


def _judge(reward: RewardOptions, options: ShimOptions, shim: Shim) -> tuple[str, str]:
    """A name for people, and the expression that the dialect gets."""
    if options.url:
        if reward.reward or reward.rules:
            raise ConfigError("--url is a service that has its own reward; leave out --reward and --rules")
        from rewards.client import RewardClient

        return options.url, repr(RewardClient(options.url).url)
    loaded = load_reward(reward)
    refuse_normalised(loaded, shim.trainer, "the trainer's own setting")
    if reward.reward is None and len(reward.rules) != 1:
        raise ConfigError("several files of rules: write a spec, and name it with --reward")
    path = (reward.reward or reward.rules[0]).absolute()
    folder = options.output.absolute().parent
    if path.is_relative_to(folder):  # so that both can move together
        return loaded.name, f"Path(__file__).parent / {str(path.relative_to(folder))!r}"
    return loaded.name, f"Path({str(path)!r})"
