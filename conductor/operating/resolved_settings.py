"""The settings in force, each with its source. Secrets are hidden."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from conductor._urls import without_user
from conductor.settings import (
    KEY_ID,
    KEY_SECRET,
    METRICS_PORT,
    READ_TIMEOUT,
    AuthenticationSettings,
    HttpSettings,
    MetricsSettings,
)
from conductor.worker import Worker
from conductor.worker_settings import DEFAULT, RunnerSettings, is_set, settings_of, with_environment

HIDDEN = "***"


@dataclass(frozen=True)
class ResolvedSetting:
    """owner: ``connection``, ``access key``, ``metrics``, ``runner``, or ``worker`` and its task name.

    source: the variable or the option that has set the value, ``code`` or ``default``.
    """

    owner: str
    name: str
    value: object
    source: str


def resolved_settings(http: HttpSettings, server_source: str, workers: Iterable[Worker]) -> list[ResolvedSetting]:
    """All settings of a program that takes its connection from the environment, and starts these workers.

    server_source: of the URL. ConfigurationError names a variable that cannot work.
    """
    of_runner = [
        ResolvedSetting("runner", each.name, each.value, each.source)
        for each in RunnerSettings(None, None, None).in_force
    ]
    of_workers = [
        ResolvedSetting(_owner(worker), each.name, each.value, each.source)
        for worker in map(with_environment, workers)
        for each in settings_of(worker)
    ]
    return [*_of_connection(http, server_source), *_of_key(), *_of_metrics(), *of_runner, *of_workers]


def _of_connection(http: HttpSettings, server_source: str) -> list[ResolvedSetting]:
    proxy = None if http.proxy_url is None else without_user(http.proxy_url)
    found = [
        ("base_url", http.base_url, server_source),
        ("connect_timeout", http.connect_timeout, DEFAULT),
        ("read_timeout", http.read_timeout, _source(READ_TIMEOUT)),
        ("proxy_url", proxy, DEFAULT if proxy is None else http.proxy_source),
        ("ca_file", http.ca_file, DEFAULT),
        ("verify", http.verify, DEFAULT),
    ]
    return [ResolvedSetting("connection", *each) for each in found]


def _of_key() -> list[ResolvedSetting]:
    key = AuthenticationSettings.from_environment()
    texts = (("key_id", key.key_id, KEY_ID), ("key_secret", key.key_secret, KEY_SECRET))
    return [
        ResolvedSetting("access key", name, HIDDEN if text else None, _source(variable))
        for name, text, variable in texts
    ]


def _of_metrics() -> list[ResolvedSetting]:
    metrics = MetricsSettings()
    sources = {"port": _source(METRICS_PORT)}
    return [
        ResolvedSetting("metrics", each.name, getattr(metrics, each.name), sources.get(each.name, DEFAULT))
        for each in fields(metrics)
    ]


def _owner(worker: Worker) -> str:
    return f"worker {worker.task_name}" + ("" if worker.domain is None else f" (domain {worker.domain})")


def _source(variable: str) -> str:
    return variable if is_set(variable) else DEFAULT
