"""Identities: 128-bit, the same in Python and in SQL, on every machine.

`content_id(x)` in Python equals `md5(canonical_json(x))::UUID` in DuckDB.
"""

import hashlib
import json
from uuid import UUID


def canonical_json(value: object) -> str:
    """One spelling for one value: sorted keys, no spaces, text unescaped.

    Raises:
        ValueError: a NaN or an infinity, which JSON does not have.
        TypeError: something that is not JSON.
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def text_id(text: str) -> str:
    """The id of a text that is canonical already."""
    return str(UUID(bytes=hashlib.md5(text.encode(), usedforsecurity=False).digest()))


def content_id(value: object) -> str:
    """The id of a JSON value."""
    return text_id(canonical_json(value))
