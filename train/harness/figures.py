"""Figures of a training that are kept in the store, but say nothing to who watches."""

_NOISE = {"epoch", "total_flos", "step_time"}
_ENDINGS = ("num_tokens", "num_input_tokens_seen", "_runtime", "_per_second")


def is_noise(name: str) -> bool:
    """Whether a figure of TRL's logs is not shown."""
    return name in _NOISE or name.endswith(_ENDINGS)
