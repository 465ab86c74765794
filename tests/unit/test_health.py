"""Conclusions about health from the facts, and rates from two readings of the counts."""

from datetime import UTC, datetime

import pytest

from conductor import MetricsCollector, OutboxHealth, Reason, ReasonCode, WorkerHealth, _recording
from conductor._rates import RateMeter
from conductor.health import health_of, merged

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def worker(state, worker_id="one"):
    return WorkerHealth(
        task_name="t",
        domain=None,
        worker_id=worker_id,
        process_id=1,
        state=state,
        batch_size=1,
        free_slots=1,
        in_hand=0,
    )


def of_states(*states, reasons=()):
    return health_of([worker(state) for state in states], reasons, [], NOW)


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_makes_a_process_not_ready_and_six_of_them_not_healthy(code):
    reason = Reason(code=code, text="because")
    states = {ReasonCode.NO_WORKER: (), ReasonCode.DRAINING: ("draining",), ReasonCode.ENDED: ("ended",)}
    health = of_states(*states.get(code, ("polling",)), reasons=[reason])
    assert [each.code for each in health.reasons] == [code]
    assert not health.ready
    ill = "poll_thread_dead poll_stalled event_loop_blocked process_missing timers_dead thread_dead"
    assert health.healthy is (code not in ill.split())


def test_several_runners_are_ready_together_although_one_has_ended_and_one_drains():
    whole = merged([of_states("polling"), of_states("ended"), of_states("draining"), of_states()])
    assert (whole.healthy, whole.ready, len(whole.workers)) == (True, True, 3)
    assert merged([of_states("ended"), of_states("draining")]).reasons[0].code == ReasonCode.DRAINING
    assert merged([]).reasons[0].code == ReasonCode.NO_WORKER


def test_one_ill_runner_makes_the_process_ill_and_a_shared_outbox_is_listed_once():
    ill = Reason(code=ReasonCode.POLL_STALLED, text="because", task_name="t")
    outbox = OutboxHealth("/var/outbox.db", 3)
    healths = [health_of([worker("polling")], reasons, [outbox], NOW) for reasons in ([], [ill])]
    whole = merged(healths)
    assert (whole.healthy, whole.reasons, whole.outboxes) == (False, [ill], [outbox])


def test_rates_cover_the_time_since_the_first_reading_and_at_most_a_minute():
    MetricsCollector()
    meter = RateMeter()
    assert meter.rates(100.0) == {}  # nothing to compare with
    for _ in range(20):
        _recording.executions.count("rated")
    assert meter.rates(100.5) == {}  # too short a time
    _recording.execute_errors.count("rated", "ValueError")
    _recording.execute_errors.count("rated", "KeyError")
    rates = meter.rates(110.0)["rated"]
    assert (rates.executions, rates.failures, rates.polls, rates.over) == (2.0, 0.2, 0.0, 10.0)
    for second in range(111, 170):
        meter.rates(float(second))
    rates = meter.rates(171.0)["rated"]
    assert rates.over == pytest.approx(61.0, abs=2)
    assert rates.executions == 0.0  # they lie further back
