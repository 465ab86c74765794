"""The metrics of several processes as one."""

from prometheus_client import CollectorRegistry, generate_latest

from conductor.supervision.messages import Family, Report
from conductor.supervision.totals import Totals


def report(polls, running, task="charge"):
    return Report(
        [
            Family("task_poll", "Polls", "counter", [("task_poll_total", {"taskType": task}, polls)]),
            Family("active_workers", "Running", "gauge", [("active_workers", {"taskType": task}, running)]),
        ]
    )


def scraped(totals):
    registry = CollectorRegistry()
    registry.register(totals)
    lines = generate_latest(registry).decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_samples_of_the_same_labels_are_summed_and_others_stay_apart():
    totals = Totals()
    totals.update(1, report(3, 1))
    totals.update(2, report(4, 2))
    totals.update(3, report(5, 0, task="refund"))
    assert scraped(totals) == {
        'task_poll_total{taskType="charge"}': 7,
        'task_poll_total{taskType="refund"}': 5,
        'active_workers{taskType="charge"}': 3,
        'active_workers{taskType="refund"}': 0,
    }


def test_the_counts_of_an_ended_process_stay_and_its_gauges_do_not():
    totals = Totals()
    totals.update(1, report(3, 1))
    totals.retire(1)
    totals.update(1, report(1, 1))
    totals.update(1, report(2, 1))
    assert scraped(totals) == {'task_poll_total{taskType="charge"}': 5, 'active_workers{taskType="charge"}': 1}
    totals.retire(1)
    assert scraped(totals) == {'task_poll_total{taskType="charge"}': 5}
