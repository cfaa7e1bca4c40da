"""Identities: 128-bit, the same in Python and in SQL, on every machine.

`content_id(x)` in Python equals `md5(canonical_json(x))::UUID` in DuckDB.
"""

import hashlib
import json

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: object) -> str:
    """One spelling for one value: sorted keys, no spaces, text unescaped.

    Raises:
        ValueError: a NaN or an infinity, which JSON does not have.
        TypeError: something that is not JSON.
    """
    return _ENCODER.encode(value)


def text_id(text: str) -> str:
    """The id of a text that is canonical already."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    # what str(UUID(hex=digest)) gives, at a quarter of its time: there are millions of these
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def content_id(value: object) -> str:
    """The id of a JSON value."""
    return text_id(canonical_json(value))
