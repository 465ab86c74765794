"""``conductor-worker top``: the work of running workers, from their metrics."""

import json

import pytest
from click.testing import CliRunner

from conductor import ApiClient, HttpSettings, MetricsSettings, TaskRunner, WorkflowExecutor, provide_metrics
from conductor.cli.program import program
from conductor.testing import DevServer
from support.stub import Answer, Stub
from support.waiting import Gate, eventually

SIZES = "GET /tasks/queue/all"


def top(url, *arguments):
    return CliRunner().invoke(program, ["top", "--server", url, "--once", "--interval", "0.1", *arguments])


def view(url, *pages):
    done = top(url, "--json", *(each for page in pages for each in ("--metrics", page)))
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def page(**values):
    """A page of metrics of the task type charge. ``name__status`` adds a label."""
    lines = []
    for name, value in values.items():
        metric, _, status = name.partition("__")
        labels = f'taskType="charge",status="{status}"' if status else 'taskType="charge"'
        lines.append(f"{metric}{{{labels}}} {value}\n")
    return Answer(body="".join(lines), content_type="text/plain; version=0.0.4")


@pytest.fixture
def process(stub):
    """The metrics of one process: ``process(first page, second page)`` returns the URL."""
    started = []

    def serve(*pages):
        one = Stub().__enter__()
        started.append(one)
        one.answers["GET /metrics"].extend(pages)
        return one.url.removesuffix("/api") + "/metrics"

    stub.answers[SIZES].extend([Answer(body={"charge": 3, "eu:charge": 4, "refund": 5})] * 2)
    yield serve
    for one in started:
        one.__exit__(None, None, None)


def test_rates_are_those_between_two_readings(stub, process):
    url = process(
        page(
            task_execution_started_total=100,
            task_execute_error_total=10,
            task_execute_time_seconds_count__SUCCESS=90,
            task_execute_time_seconds_sum__SUCCESS=1000,
            active_workers=2,
        ),
        page(
            task_execution_started_total=120,
            task_execute_error_total=15,
            task_execute_time_seconds_count__SUCCESS=105,
            task_execute_time_seconds_count__FAILURE=5,
            task_execute_time_seconds_sum__SUCCESS=1003,
            task_execute_time_seconds_sum__FAILURE=3,
            active_workers=1,
        ),
    )
    (worker,) = view(stub.url, url)["workers"]
    assert worker["startedPerSecond"] == pytest.approx(4 * worker["failedPerSecond"], rel=0.01)
    assert 0 < worker["startedPerSecond"] < 200  # the interval is a tenth of a second
    assert worker["averageSeconds"] == 0.3
    assert (worker["busy"], worker["free"], worker["queued"]) == (1, None, 7)


def test_a_process_that_has_restarted_has_no_negative_rates(stub, process):
    url = process(page(task_execution_started_total=100), page(task_execution_started_total=1))
    (worker,) = view(stub.url, url)["workers"]
    assert worker["startedPerSecond"] > 0


def test_slots_of_all_processes_are_added(stub, process):
    one, two = (page(worker_slots=4, worker_free_slots=free, task_result_lost_total=1) for free in (1, 4))
    (worker,) = view(stub.url, process(one, one), process(two, two))["workers"]
    assert (worker["busy"], worker["free"], worker["lostResults"]) == (3, 5, 2)


def slots(busy, free):
    """A page of metrics: the slots of charge in each domain."""
    lines = [
        f'{name}{{taskType="charge",domain="{domain}"}} {value}\n'
        for domain in busy
        for name, value in [("worker_slots", busy[domain] + free[domain]), ("worker_free_slots", free[domain])]
    ]
    return Answer(body="".join(lines), content_type="text/plain; version=0.0.4")


def test_a_full_domain_does_not_hide_behind_an_idle_one(stub, process):
    one = slots(busy={"": 0, "eu": 4}, free={"": 8, "eu": 0})
    urls = process(one, one), process(*[slots(busy={"eu": 1}, free={"eu": 1})] * 2)
    (worker,) = view(stub.url, *urls)["workers"]
    assert (worker["busy"], worker["free"], worker["queued"]) == (5, 9, 7)
    assert worker["domains"] == [
        {"domain": "", "busy": 0, "free": 8, "queued": 3},
        {"domain": "eu", "busy": 5, "free": 1, "queued": 4},
    ]


def test_a_domain_is_a_row_below_its_task_type_also_if_no_worker_polls_it(stub, process):
    one = slots(busy={"": 1}, free={"": 2})
    lines = top(stub.url, "--metrics", process(one, one)).stdout.splitlines()
    assert [line.split() for line in lines[2:]] == [["no", "domain", "1", "2", "3"], ["domain", "eu", "0", "0", "4"]]


def test_task_types_without_domains_have_one_row_each(stub, process):
    stub.answers[SIZES].clear()
    stub.answers[SIZES].extend([Answer(body={"charge": 3, "eu:charge": 0})] * 4)
    one = slots(busy={"": 1}, free={"": 2})
    url = process(one, one, one, one)
    assert len(top(stub.url, "--metrics", url).stdout.splitlines()) == 2
    (worker,) = view(stub.url, url)["workers"]
    assert worker["domains"] == [{"domain": "", "busy": 1, "free": 2, "queued": 3}]


def test_a_page_that_cannot_be_read_is_named_and_the_others_are_shown(stub, process):
    one = page(active_workers=1)
    shown = view(stub.url, process(one, one), process(Answer(404), Answer(404)), process(*[Answer(body="a\0{")] * 2))
    assert [each["busy"] for each in shown["workers"]] == [1]
    assert shown["pages"] == 1
    assert [each.partition("/metrics: ")[2] for each in shown["problems"]] == [
        "it answered 404",
        "it answered with a page that holds no metrics",
    ]


def test_without_any_page_the_status_is_1(stub):
    with Stub() as gone:
        url = gone.url.removesuffix("/api")
    done = top(stub.url, "--metrics", url)
    assert done.exit_code == 1
    assert f"{url}/metrics: connection refused" in done.stdout
    assert done.stderr == "Error: no metrics could be read\n"


def test_a_server_that_cannot_be_reached_is_a_problem_and_the_workers_are_shown(process):
    with Stub() as gone:
        url = gone.url
    one = page(active_workers=1)
    shown = view(url, process(one, one))
    assert [(each["busy"], each["queued"]) for each in shown["workers"]] == [(1, None)]
    assert shown["problems"] == [f"cannot reach {url}: connection refused"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://user:secret@host/metrics", "must not hold a user or a password"),
        ("host:2112", "must be a URL such as"),
        ("ftp://host", "must be a URL such as"),
        ("http://host/metrics?x=1", "must be a URL such as"),
        ("", "must be a URL such as"),
    ],
)
def test_a_wrong_url_is_a_usage_error_that_shows_no_password(url, problem):
    done = top("http://127.0.0.1:1", "--metrics", url)
    assert done.exit_code == 2
    assert "--metrics" in done.stderr
    assert problem in done.stderr
    assert "secret" not in done.stderr


def test_a_free_port_in_the_environment_needs_a_url(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_METRICS_PORT", "0")
    done = top("http://127.0.0.1:1")
    assert done.exit_code == 2
    assert "give the URL with --metrics" in done.stderr


def test_the_slots_and_rates_of_a_runner_are_shown(monkeypatch):
    gate = Gate()
    with DevServer() as server, provide_metrics(MetricsSettings(port=0)) as metrics:
        monkeypatch.setenv("CONDUCTOR_WORKER_METRICS_PORT", str(metrics.port))
        with ApiClient(http_settings=HttpSettings(server.url)) as api, TaskRunner(api, shutdown_timeout=5) as runner:
            runner.start_worker("top_charge", gate, batch_size=2)
            start_task(api)
            gate.inside.get(timeout=20)
            done = top(server.url, "--json")
            gate.opened.set()
            (worker,) = (each for each in json.loads(done.stdout)["workers"] if each["taskType"] == "top_charge")
            assert (worker["busy"], worker["free"], worker["queued"]) == (1, 1, 0)
            text = eventually(lambda: line_of(top(server.url).stdout, " 0 "))
    assert text.split()[:2] == ["top_charge", "0"]


def line_of(table, part):
    return next((line for line in table.splitlines() if line.startswith("top_charge") and part in line), None)


def start_task(api):
    step = {"name": "top_charge", "taskReferenceName": "first", "type": "SIMPLE"}
    workflows = WorkflowExecutor(api)
    workflows.register_workflow({"name": "order", "version": 1, "schemaVersion": 2, "tasks": [step]})
    workflows.start_workflow("order")


def test_values_that_no_counter_has_are_left_out(stub, process):
    huge = page(active_workers="1e300", task_result_lost_total="+Inf", worker_slots="NaN", task_poll_error_total=3)
    found = view(stub.url, process(huge, huge))
    assert (found["workers"][0]["busy"], found["workers"][0]["lostResults"]) == (0, 0)
