"""When and after how long a request to a server is tried again."""

import random

import httpx

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which the same request may succeed later."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds."""


def pause(attempt: int, asked: float) -> float:
    """Exponential back-off, with jitter so that failures do not return together; or what the server asked for.

    Args:
        attempt: which further try this is, from 1.
        asked: seconds that the server wants to be left alone; 0 if it did not say.
    """
    grown = FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311  (not a secret)
    return float(min(LONGEST_PAUSE, max(asked, grown)))


def retry_after(response: httpx.Response) -> float:
    """Seconds that the server wants to be left alone; 0 if it does not say."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else 0.0


def explained(response: httpx.Response) -> str:
    """Status and the server's own message, on one line."""
    try:
        body = response.json()
        error = body.get("error", body) if isinstance(body, dict) else body
        text = error.get("message") if isinstance(error, dict) else error
    except ValueError:
        text = response.text
    return f"HTTP {response.status_code}: {' '.join(str(text).split())[:300]}"
