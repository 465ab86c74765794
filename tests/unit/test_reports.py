"""The metrics and the health of several processes as one."""

import time
from datetime import UTC, datetime

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from conductor import Health, Reason, ReasonCode, WorkerHealth
from conductor.supervision import reports as module
from conductor.supervision.messages import Family, Report
from conductor.supervision.reports import Reports


def report(polls=1, running=1, task="charge", state="polling"):
    worker = WorkerHealth(
        task_name=task, domain=None, worker_id="w", process_id=7, state=state, batch_size=1, free_slots=1, in_hand=0
    )
    health = Health(healthy=True, ready=True, reasons=[], workers=[worker], outboxes=[], at=datetime.now(UTC))
    families = [
        Family("task_poll", "Polls", "counter", [("task_poll_total", {"taskType": task}, polls)]),
        Family("active_workers", "Running", "gauge", [("active_workers", {"taskType": task}, running)]),
    ]
    return Report(families, health)


def scraped(reports):
    registry = CollectorRegistry()
    registry.register(reports)
    lines = generate_latest(registry).decode().splitlines()
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    return {name: value for name, value in values.items() if name.startswith(("task_poll_", "active_workers"))}


def test_samples_of_the_same_labels_are_summed_and_others_stay_apart():
    reports = Reports(3)
    reports.update(1, report(3, 1))
    reports.update(2, report(4, 2))
    reports.update(3, report(5, 0, task="refund"))
    assert scraped(reports) == {
        'task_poll_total{taskType="charge"}': 7,
        'task_poll_total{taskType="refund"}': 5,
        'active_workers{taskType="charge"}': 3,
        'active_workers{taskType="refund"}': 0,
    }


def test_the_counts_of_an_ended_process_stay_and_its_gauges_do_not():
    reports = Reports(1)
    reports.update(1, report(3, 1))
    reports.retire(1, is_missing=True)
    reports.update(1, report(1, 1))
    reports.update(1, report(2, 1))
    assert scraped(reports) == {'task_poll_total{taskType="charge"}': 5, 'active_workers{taskType="charge"}': 1}
    reports.retire(1, is_missing=False)
    assert scraped(reports) == {'task_poll_total{taskType="charge"}': 5}


def codes(health):
    return [reason.code for reason in health.reasons]


@pytest.fixture
def reports():
    made = Reports(2)
    made.update(1, report())
    return made


def test_a_process_that_starts_is_well_and_not_ready(reports):
    health = reports.health()
    assert (health.healthy, health.ready, codes(health)) == (True, False, [ReasonCode.NO_GOOD_POLL])
    reports.update(2, report())
    health = reports.health()
    assert (health.healthy, health.ready, len(health.workers)) == (True, True, 2)


def test_a_missing_process_is_an_illness_until_another_one_starts(reports):
    reports.update(2, report())
    reports.retire(2, is_missing=True)
    health = reports.health()
    assert (health.healthy, health.ready, codes(health)) == (False, False, [ReasonCode.PROCESS_MISSING])
    assert "Process 2" in health.reasons[0].text
    reports.starts(2)
    health = reports.health()
    assert (health.healthy, health.ready, codes(health)) == (True, False, [ReasonCode.NO_GOOD_POLL])
    reports.update(2, report())
    assert reports.health().ready
    reports.starts(2)  # noticed late
    assert reports.health().ready


@pytest.mark.parametrize("is_first", [True, False])
def test_a_process_that_hangs_while_it_starts_is_an_illness_until_it_reports(reports, monkeypatch, is_first):
    if not is_first:
        reports.update(2, report())
        reports.retire(2, is_missing=True)
        reports.starts(2)
    began = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: began + 59)  # it may take long to import large modules
    reports.update(1, report())
    assert codes(reports.health()) == [ReasonCode.NO_GOOD_POLL]
    monkeypatch.setattr(module.time, "monotonic", lambda: began + 61)
    health = reports.health()
    assert (health.healthy, codes(health)) == (False, [ReasonCode.PROCESS_MISSING])
    assert "Process 2 has not started its workers for 61 s" in health.reasons[0].text
    reports.update(2, report())
    assert reports.health().ready


def test_the_time_to_start_counts_anew_for_each_process(reports, monkeypatch):
    began = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: began + 61)
    reports.update(1, report())
    reports.retire(2, is_missing=True)
    assert "has ended, and is not replaced yet" in reports.health().reasons[0].text
    reports.starts(2)
    assert reports.health().healthy


def test_a_silent_process_is_an_illness(reports, monkeypatch):
    reports.update(2, report())
    later = time.monotonic() + module.SILENT_AFTER
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    reports.update(1, report())
    health = reports.health()
    assert (health.healthy, codes(health)) == (False, [ReasonCode.PROCESS_MISSING])
    assert "Process 2 has not reported for 4 s" in health.reasons[0].text


def test_a_process_that_drains_beside_others_is_not_ready(reports):
    text = "All workers drain."
    drains = report(state="draining")
    reason = Reason(code=ReasonCode.DRAINING, text=text, since=datetime.now(UTC))
    health = msgspec.structs.replace(drains.health, ready=False, reasons=[reason])
    reports.update(1, report())
    reports.update(2, msgspec.structs.replace(drains, health=health))
    whole = reports.health()
    assert (whole.healthy, whole.ready, whole.reasons[0].text) == (True, False, f"Process 2: {text}")
    reports.retire(2, is_missing=False)
    assert reports.health().ready


def test_a_process_that_has_drained_is_not_missing(reports):
    reports.update(2, report(state="draining"))
    reports.retire(1, is_missing=False)
    health = reports.health()
    assert (health.healthy, health.ready, codes(health)) == (True, False, [ReasonCode.DRAINING])
