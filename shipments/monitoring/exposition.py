"""The readings as Prometheus and OpenMetrics write them; docs/metrics.md says what each metric is for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from shipments.enums import BreakerState
from shipments.monitoring.readings import MOST_ROWS, Account, Parcels, Readings, Standing

_BY_ACCOUNT = ("account", "gateway")
# What a parcel without an account, and a deed of nobody, is labelled with: empty labels are none in Prometheus.
_NOBODY = ("none", "none")

# How calls end: label → name of the total.
OUTCOMES = {
    "answered": "calls_answered",
    "failed": "calls_failed",
    "refused": "calls_refused",
    "over_quota": "calls_over_quota",
}
# Other totals: metric → name of the total, and what it counts.
TOTALS = {
    "asked_parcels": ("parcels_asked", "Parcels a carrier was asked about."),
    "news_parcels": ("parcels_news", "Parcels for which an answer brought news."),
    "stored_scans": ("scans_stored", "Scans stored for the first time."),
}


def exposition(readings: Readings, accept: str) -> tuple[bytes, str]:
    """The readings as text, and its media type: OpenMetrics where the reader accepts it, else the format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(readings))
    write, media_type = choose_encoder(accept)
    return write(registry), media_type


class _Families(Collector):
    """All metrics of one moment."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        yield from _of_parcels(self._readings)
        yield from _of_calls(self._readings)
        yield from _of_standings(self._readings)
        yield from _of_the_queue(self._readings)
        yield from _of_backups(self._readings)


def _of_parcels(readings: Readings) -> Iterator[Metric]:
    parcels: dict[Account | None, Parcels] = {account: Parcels() for account in readings.standings}
    parcels |= readings.parcels
    bound = "Counted up to trackingsite_due_parcels_bound."
    columns: tuple[tuple[str, str, Callable[[Parcels], float]], ...] = (
        ("due_parcels", f"Parcels worth a look now, with nobody asking. {bound}", lambda of: of.due),
        ("due_lag_seconds", "For how long the parcel due longest has been due.", lambda of: _age(readings.at, of.due_since)),
        ("late_parcels", f"Due parcels that should have been looked at by now. {bound}", lambda of: of.late),
        ("late_lag_seconds", "For how long the latest parcel has been late, whether it was counted or not.",
            lambda of: _age(readings.at, of.late_since)),
        ("leased_parcels", "Parcels a worker has taken to ask about.", lambda of: of.being_asked),
        ("abandoned_parcels", "Parcels whose worker has not come back in time; the next sweep takes them up.",
            lambda of: of.abandoned),
    )  # fmt: skip
    for name, words, column in columns:
        values = {account: column(of) for account, of in parcels.items()}
        yield _gauge(name, words, _BY_ACCOUNT, _labelled(values))
    words = "How far the due parcels of each account are counted: a figure that has reached it may be larger."
    yield _gauge("due_parcels_bound", words, (), [((), readings.counted_to)])


def _of_calls(readings: Readings) -> Iterator[Metric]:
    # From nought, so that the first call of an account is a rise already.
    accounts: set[Account | None] = {*readings.standings, *readings.totals}
    totals = {account: readings.totals.get(account, {}) for account in sorted(accounts, key=_order)}
    calls = CounterMetricFamily(
        "trackingsite_calls", "Calls to carriers, by how they ended.", labels=[*_BY_ACCOUNT, "outcome"]
    )
    for account, by_name in totals.items():
        for outcome, name in OUTCOMES.items():
            if account is not None or name in by_name:
                calls.add_metric([*_labels(account), outcome], by_name.get(name, 0))
    yield calls
    for metric, (name, words) in TOTALS.items():
        family = CounterMetricFamily(f"trackingsite_{metric}", words, labels=_BY_ACCOUNT)
        for account, by_name in totals.items():
            if account is not None or name in by_name:
                family.add_metric(_labels(account), by_name.get(name, 0))
        yield family


def _of_standings(readings: Readings) -> Iterator[Metric]:
    standings = readings.standings
    columns: tuple[tuple[str, str, Callable[[Standing], float | None]], ...] = (
        ("quota_calls_per_hour", "Calls an hour the account may make now, as far as there is such a quota.", lambda of: of.per_hour),
        ("quota_calls_per_second", "Calls a second, likewise.", lambda of: of.per_second),
        ("quota_spent_calls", "Calls of the last hour.", lambda of: of.spent),
        ("quota_left_calls", "Calls left of the hour.", lambda of: of.left),
        ("quota_left_planned_calls", "Those of them not kept for what people ask by hand.", lambda of: of.left_planned),
        ("account_paused", "1 while a carrier has told the account to wait, else 0.", lambda of: of.is_paused),
    )  # fmt: skip
    for name, words, column in columns:
        known = {account: value for account, of in standings.items() if (value := column(of)) is not None}
        yield _gauge(name, words, _BY_ACCOUNT, _labelled(known))
    states = [
        ((*_labels(account), state.value), of.breaker == state)
        for account, of in standings.items()
        for state in BreakerState
    ]
    words = "1 for the state the account's breaker is in, 0 for the others."
    yield _gauge("breaker_state", words, (*_BY_ACCOUNT, "state"), states)


def _of_the_queue(readings: Readings) -> Iterator[Metric]:
    queue, now = readings.queue, readings.at
    figures: tuple[tuple[str, str, float], ...] = (
        ("queue_waiting_tasks", "Tasks no worker has taken up.", queue.waiting),
        ("queue_lag_seconds", "For how long the first of them has waited.", _age(now, queue.waits_since)),
        ("queue_begun_tasks", "Tasks a worker has.", queue.begun),
        ("queue_failed_tasks", "Tasks that failed within the last hour.", queue.failed),
    )
    for name, words, value in figures:
        yield _gauge(name, words, (), [((), value)])
    pending = sorted(readings.pending.items())
    words = f"Work that waits to be done, by kind. Counted up to {MOST_ROWS}."
    yield _gauge("pending_rows", words, ("work",), [((kind,), found.rows) for kind, found in pending])
    words = "For how long the first of it has waited."
    ages = [((kind,), _age(now, found.since)) for kind, found in pending]
    yield _gauge("pending_lag_seconds", words, ("work",), ages)
    words = "How long ago a worker of the host showed that it works."
    beats = [((host,), _age(now, beat)) for host, beat in sorted(readings.beats.items())]
    yield _gauge("heartbeat_age_seconds", words, ("host",), beats)


def _of_backups(readings: Readings) -> Iterator[Metric]:
    last = readings.last_backup
    words = (
        "How long ago the last whole backup was made. Without a sample where manage.py backup has made none."
    )
    yield _gauge(
        "backup_age_seconds", words, (), [] if last is None else [((), _age(readings.at, last.made_at))]
    )


def _gauge(
    name: str, words: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    unit = "seconds" if name.endswith("_seconds") else ""
    family = GaugeMetricFamily(f"trackingsite_{name}", words, labels=labels, unit=unit)
    for values, sample in samples:
        family.add_metric(values, sample)
    return family


def _labelled(
    values: Mapping[Account | None, float] | Mapping[Account, float],
) -> list[tuple[tuple[str, str], float]]:
    by_account: dict[Account | None, float] = dict(values.items())
    return [(_labels(account), by_account[account]) for account in sorted(by_account, key=_order)]


def _labels(account: Account | None) -> tuple[str, str]:
    return _NOBODY if account is None else (str(account.pk), account.gateway)


def _order(account: Account | None) -> int:
    return 0 if account is None else account.pk


def _age(now: datetime, since: datetime | None) -> float:
    """Seconds since then; none where nothing waits, and none where another host's clock is ahead of ours."""
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)
