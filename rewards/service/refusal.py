"""Why a request is not taken, as an HTTP status."""

from schemas.errors import DatakitError


class Refusal(DatakitError):  # noqa: N818  (an answer rather than a mistake)
    """The service does not take a request; nothing of it was judged."""

    def __init__(self, status: int, kind: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status, 4xx or 5xx."""
        self.kind = kind
        """The reason in one word, for programs."""
        self.retry_after = retry_after
        """Seconds after which trying again may help."""


class ClientGone(Exception):  # noqa: N818  (an event)
    """Nobody waits for the answer any more."""
