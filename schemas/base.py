"""The base of every model: frozen, closed, documented by attribute docstrings."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: cannot be altered, and refuses fields that it does not know and numbers that are not finite."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        protected_namespaces=(),
        validate_by_name=True,
        allow_inf_nan=False,
    )
