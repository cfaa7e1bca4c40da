"""Reading values of columns: data sets hold one text or several, and numbers in many types."""

from collections.abc import Sequence


def texts_of(value: str | Sequence[str], name: str) -> list[str]:
    """The texts of a column that holds one or several; blank ones are left out.

    Args:
        value: the column's value.
        name: what to call it in the error.

    Raises:
        TypeError: it is neither a text nor a list of texts.
    """
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(text, str) for text in listed):
        raise TypeError(f"{name}: a text or a list of texts is wanted, found {_shown(value)}")
    return [text for text in listed if text.strip()]


def whole_number(value: float | str, name: str) -> int:
    """A whole number of at least 0; `3.0` and `"3"` are 3, since columns with nulls or of texts hold such.

    Args:
        value: the column's value.
        name: what to call it in the error.

    Raises:
        ValueError: it is none.
    """
    is_text = isinstance(value, str) and value.strip().isdecimal()
    is_float = isinstance(value, float) and value.is_integer()
    number: object = int(value) if is_text or is_float else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"{name}: a whole number of at least 0 is wanted, found {_shown(value)}")
    return number


def _shown(value: object) -> str:
    """The value, cut: reasons are short."""
    return f"{type(value).__name__} {repr(value)[:80]}"
