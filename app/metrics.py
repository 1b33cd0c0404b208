"""What the server counts, for Prometheus."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as MEDIA_TYPE
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from encoder.errors import WorldError

Reading = tuple[str, str, dict[str, float]]  # name, help, value by label; the label is "" where there is one value
_REQUEST_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SEARCH_S = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)
__all__ = ["MEDIA_TYPE", "Metrics", "Reading"]


class Metrics:
    """The counters of one server."""

    def __init__(self, read: Callable[[], Iterator[Reading]]) -> None:
        """Count, and read further values whenever they are asked for."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_Read(read))
        self._requests = Counter(
            "reelseek_requests", "HTTP requests answered", ("route", "method", "status"), registry=self._registry
        )
        self._request_s = Histogram(
            "reelseek_request_seconds", "Until a request was answered in full", ("route",), buckets=_REQUEST_S,
            registry=self._registry,
        )  # fmt: skip
        self._searches = Counter("reelseek_searches", "Searches by outcome", ("outcome",), registry=self._registry)
        self._search_s = Histogram(
            "reelseek_search_seconds", "Of searches that found an answer", buckets=_SEARCH_S, registry=self._registry
        )
        self._searching = Gauge("reelseek_searches_now", "Searches going on or waiting", registry=self._registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, method, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Count a search and time it."""
        began = time.perf_counter()
        with self._searching.track_inprogress():
            try:
                yield
            except WorldError:
                self._searches.labels("refused").inc()
                raise
            except Exception:
                self._searches.labels("failed").inc()
                raise
        self._searches.labels("answered").inc()
        self._search_s.observe(time.perf_counter() - began)

    def text(self) -> bytes:
        """All values, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Read(Collector):
    """Values that are not counted but looked up."""

    def __init__(self, read: Callable[[], Iterator[Reading]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        for name, what, values in self._read():
            family = GaugeMetricFamily(name, what, labels=[] if "" in values else ["job"])
            for label, value in values.items():
                family.add_metric([label] if label else [], value)
            yield family
