"""Reads the metrics of workers from their ports."""

from __future__ import annotations

import ssl
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from conductor_client.errors import ExchangeError
from prometheus_client.parser import text_string_to_metric_families

from conductor import _tls
from conductor._connections import Connections, Exchange, Head
from conductor._failures import reason_of
from conductor._redaction import redactor
from conductor._urls import check_url, has_user
from conductor.errors import ConductorError, ConfigurationError
from conductor.settings import HttpSettings

TIMEOUT = 5.0
"""Seconds to connect, and again for the answer."""
LARGEST_PAGE = 64 * 2**20
"""Bytes."""
LARGEST_VALUE = 2.0**53
"""Of a metric. Above it a float cannot count, and sums of such values would not fit into JSON."""

_shown = redactor((), ())


@dataclass(frozen=True)
class Scrape:
    """at: seconds on the monotonic clock. values: sums by the name of a metric and its label ``taskType``.

    by_domain: the same of the metrics that have a label ``domain``, also by this one.
    """

    at: float
    values: Mapping[tuple[str, str], float]
    by_domain: Mapping[tuple[str, str, str], float]


def metrics_url(text: str) -> str:
    """The URL, with /metrics if it has no path. ConfigurationError for a URL that cannot work, or that has a user."""
    check_url("a metrics URL", text, "http://host:2112/metrics")
    if has_user(text):
        raise ConfigurationError("a metrics URL must not hold a user or a password: they would be shown")
    return text if urlsplit(text).path.strip("/") else f"{text.rstrip('/')}/metrics"


class MetricsReader:
    """Reads metrics. Thread-safe. settings: its ca_file and its proxies are used."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext = _tls.storage_context(settings)

    def read(self, url: str) -> Scrape:
        """Blocks for one request. url: as ``metrics_url`` returns it. ConductorError: there is no page of metrics."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        connections = Connections(origin, self._settings.proxy_to(origin), TIMEOUT, self._context, LARGEST_PAGE)
        head = Head({"Host": connections.host, "Accept": "text/plain", "Accept-Encoding": "identity"})
        try:
            answer = Exchange(connections, head, TIMEOUT)("GET", parts.path, None)
        except (ExchangeError, OSError) as error:
            raise ConductorError(f"{url}: {reason_of(error, TIMEOUT, TIMEOUT, _shown)}") from None
        connections.close()
        if answer.status != 200 or answer.flaw:
            raise ConductorError(f"{url}: {answer.flaw or f'it answered {answer.status}'}")
        return _scrape(url, answer.content)


def _scrape(url: str, page: bytes) -> Scrape:
    values: defaultdict[tuple[str, str], float] = defaultdict(float)
    by_domain: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    try:
        for family in text_string_to_metric_families(page.decode()):
            for name, labels, value, *_ in family.samples:
                if "taskType" in labels and abs(value) <= LARGEST_VALUE:  # NaN is not
                    values[name, labels["taskType"]] += value
                    if "domain" in labels:
                        by_domain[name, labels["taskType"], labels["domain"]] += value
    except (ValueError, LookupError) as error:
        raise ConductorError(f"{url}: it answered with a page that holds no metrics") from error
    return Scrape(time.monotonic(), dict(values), dict(by_domain))
