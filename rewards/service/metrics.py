"""What the service counts, for Prometheus."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rewards.item_judge import Scored
from rewards.outcome import Status

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

_COUNTED = {
    "datakit_requests_total": "requests",
    "datakit_items_total": "items",
    "datakit_cached_items_total": "items judged before",
    "datakit_late_items_total": "items too late",
}


class Metrics:
    """The numbers of one app; nothing is shared between apps of a process."""

    def __init__(self, scorers: Sequence[str], waiting: Callable[[], float], free_lanes: Callable[[], float]) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "datakit_requests", "Requests by path and status.", ["path", "status"], registry=registry
        )
        self.latency = Histogram(
            "datakit_request_seconds", "Seconds of a request.", ["path"], registry=registry, buckets=SECONDS
        )
        self.items = Counter("datakit_items", "Items of accepted requests.", registry=registry)
        self.cached = Counter("datakit_cached_items", "Items that had been judged before.", registry=registry)
        self.late = Counter("datakit_late_items", "Items without an outcome by the deadline.", registry=registry)
        self.abandoned = Counter("datakit_abandoned_requests", "Requests whose client went away.", registry=registry)
        self.batches = Histogram("datakit_batch_items", "Items of a batch.", registry=registry, buckets=SIZES)
        self.outcomes = Counter(
            "datakit_outcomes",
            "Outcomes by scorer and status, of judged items.",
            ["scorer", "status"],
            registry=registry,
        )
        queue = Gauge("datakit_queue_items", "Items that wait to be sent to the scorers.", registry=registry)
        queue.set_function(waiting)
        lanes = Gauge("datakit_lanes_free", "Lanes that judge nothing.", registry=registry)
        lanes.set_function(free_lanes)
        self._scorers = tuple(scorers)
        self._answered: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._tallies = {
            (scorer, status): self.outcomes.labels(scorer, status.value) for scorer in scorers for status in Status
        }

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        known = self._answered.get((path, status))
        if known is None:
            known = self.requests.labels(path, str(status)), self.latency.labels(path)
            self._answered[path, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def judged(self, finished: Iterable[Scored]) -> None:
        """Count the outcomes of judged items."""
        every = [scored.outcomes for scored in finished]
        for scorer, outcomes in zip(self._scorers, zip(*every, strict=True), strict=True) if every else ():
            for status, count in Tally([outcome.status for outcome in outcomes]).items():
                self._tallies[scorer, status].inc(count)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)

    def counts(self) -> dict[str, int]:
        """What there was, in a few numbers."""
        found: dict[str, float] = {}
        for metric in self.registry.collect():
            for sample in metric.samples:
                if sample.name in _COUNTED:
                    found[sample.name] = found.get(sample.name, 0) + sample.value
        return {told: int(found.get(name, 0)) for name, told in _COUNTED.items()}
