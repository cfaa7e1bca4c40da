"""Comparing a count with a bound, as the arguments of instructions write it."""


def holds(count: int, relation: str, bound: int) -> bool:
    """Whether `count` is `less than` or `at least` the bound.

    Raises:
        ValueError: the relation is another.
    """
    if relation == "less than":
        return count < bound
    if relation == "at least":
        return count >= bound
    raise ValueError(f"relation: 'less than' or 'at least' is wanted, found {relation!r}")
