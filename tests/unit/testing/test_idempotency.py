"""``check_idempotent``: a function runs twice on one task, and the second run must make no difference."""

import asyncio

import pytest

from conductor import ConfigurationError, TaskResult, TaskResultStatus, task_context, worker_task
from conductor.testing import acheck_idempotent, check_idempotent


class Shop:
    """Payments in a list, and payments by a key."""

    def __init__(self):
        self.payments = []
        self.by_key = {}

    def pay(self, amount: int):
        self.payments.append(amount)

    def pay_once(self, amount: int):
        self.by_key.setdefault(task_context().workflow_instance_id, amount)

    def pay_by_task_id(self, amount: int):
        self.by_key.setdefault(task_context().task_id, amount)


def test_a_function_without_effects_passes_and_its_first_result_is_returned():
    result = check_idempotent(lambda task: {"n": 2 * task.input_data["n"]}, {"n": 21})
    assert (result.status, result.output_data) == ("COMPLETED", {"n": 42})


def test_the_second_run_gets_the_same_task_at_its_second_delivery():
    seen = []

    def look(task):
        seen.append((task.task_id, task.retry_count, task.poll_count, dict(task.input_data)))
        task.input_data["spoilt"] = True

    check_idempotent(look, {"n": 1}, task_id="t", retry_count=2)
    assert seen == [("t", 2, 1, {"n": 1}), ("t", 2, 2, {"n": 1})]


def test_as_a_retry_the_second_run_gets_a_new_task():
    seen = []
    check_idempotent(lambda task: seen.append((task.retry_count, task.retried_task_id)), as_retry=True, task_id="t")
    check_idempotent(lambda task: seen.append(task.task_id), as_retry=True, task_id="t")
    assert seen == [(0, None), (1, "t"), "t", "t-retry"]


def test_an_effect_that_happens_twice_is_shown_with_its_difference():
    shop = Shop()
    with pytest.raises(AssertionError) as caught:
        check_idempotent(shop.pay, {"amount": 9}, probe=lambda: shop.payments)
    text = str(caught.value)
    assert text.startswith("Shop.pay is not idempotent: its second run changed the value of the probe\n")
    assert text.endswith("\n-[9]\n+[9, 9]")


def test_an_effect_with_a_key_passes():
    shop = Shop()
    check_idempotent(shop.pay_once, {"amount": 9}, probe=lambda: shop.by_key)
    check_idempotent(shop.pay_once, {"amount": 9}, probe=lambda: shop.by_key, as_retry=True)
    assert shop.by_key == {"workflow-1": 9}


def test_a_key_of_the_task_id_fails_at_a_retry_alone():
    shop = Shop()
    check_idempotent(shop.pay_by_task_id, {"amount": 9}, probe=lambda: shop.by_key)
    with pytest.raises(AssertionError, match="changed the value of the probe"):
        check_idempotent(shop.pay_by_task_id, {"amount": 9}, probe=lambda: shop.by_key, as_retry=True)


def test_another_output_is_an_error_with_its_difference():
    numbers = iter([1, 2])
    with pytest.raises(AssertionError, match=r"its second run returned another output\n[^+]*\+\+\+ after the second"):
        check_idempotent(lambda task: {"number": next(numbers)})


def test_a_long_difference_is_cut():
    shop = Shop()
    rows = [{"row": number, "text": "x" * 80} for number in range(100)]
    with pytest.raises(AssertionError, match=r"… and \d+ more lines$"):
        check_idempotent(lambda task: shop.payments.extend(rows), probe=lambda: shop.payments)


@pytest.mark.parametrize(("failing", "which"), [(1, "first"), (2, "second")])
def test_a_run_that_fails_is_an_error_with_its_reason_and_its_traceback(failing, which):
    runs = []

    def insert():
        runs.append(1)
        if len(runs) == failing:
            raise KeyError("the row is there already")

    with pytest.raises(AssertionError, match=f"its {which} run ended FAILED: KeyError: .*the row is there") as caught:
        check_idempotent(insert)
    assert "Traceback" in str(caught.value)


def test_a_run_that_goes_on_later_is_no_complete_run():
    with pytest.raises(AssertionError, match="its first run ended IN_PROGRESS: no reason given"):
        check_idempotent(lambda task: TaskResult("", "", TaskResultStatus.IN_PROGRESS))


def test_a_decorated_function_and_a_state_are_taken_as_by_run_worker():
    @worker_task("pay")
    def pay(amount: int):
        task_context().state.pay(amount)

    shop = Shop()
    with pytest.raises(AssertionError, match="pay is not idempotent"):
        check_idempotent(pay, {"amount": 9}, probe=lambda: shop.payments, state=shop)


def test_both_runs_of_an_async_function_share_a_loop():
    loops = []

    async def look():
        loops.append(asyncio.get_running_loop())

    check_idempotent(look)
    assert loops[0] is loops[1]


def test_in_a_coroutine_the_probe_may_be_async_too():
    shop = Shop()

    async def payments():
        return shop.payments

    async def pay(amount: int):
        shop.pay(amount)

    async def check(execute):
        with pytest.raises(AssertionError, match="is not idempotent"):
            await acheck_idempotent(execute, {"amount": 9}, probe=payments)
        with pytest.raises(ConfigurationError, match="await acheck_idempotent"):
            check_idempotent(pay, {"amount": 9})

    asyncio.run(check(pay))
    asyncio.run(check(shop.pay))


def test_an_async_probe_of_a_blocking_check_is_refused():
    async def payments():
        return []

    with pytest.raises(ConfigurationError, match="probe is an async function"):
        check_idempotent(lambda task: None, probe=payments)


def test_values_that_cannot_be_copied_are_refused():
    with pytest.raises(ConfigurationError, match="probe must return values that can be copied, such as a list of rows"):
        check_idempotent(lambda task: None, probe=lambda: (number for number in range(3)))
