"""The embedded server's page in a real browser, as a person uses it."""

import json
import re

import pytest

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskRunner, WorkflowExecutor
from conductor.testing import DevServer
from support.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

LONG_NAME = "a-workflow-with-a-very-long-name-" * 3
EVIL = "<img src=x onerror=\"document.title='smuggled'\">"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def workflows(client):
    return WorkflowExecutor(client)


@pytest.fixture
def page(browser, server):
    page = browser.open(page_of(server))
    yield page
    assert page.problems() == []
    own = page_of(server)
    assert [url for url in page.requests() if not url.startswith((own, "data:"))] == []
    assert "smuggled" not in page.evaluate("document.title")
    page.call("Page.close")


def page_of(server):
    return server.url.removesuffix("api")


def simple(*names):
    return [step(name, "SIMPLE") for name in names]


def step(name, kind, **more):
    return {"name": name, "taskReferenceName": name, "type": kind, **more}


def register(workflows, name, tasks, **more):
    workflows.register_workflow({"name": name, "version": 1, "tasks": tasks, "ownerEmail": "a@b.example", **more})


def tasks_without_retry(client, *names):
    TaskExecutor(client).register_task_defs(
        *({"name": name, "retryCount": 0, "timeoutSeconds": 0, "ownerEmail": "a@b.example"} for name in names)
    )


def row(workflow_id):
    return f"[id='row-{workflow_id}']"


def click_on(page, selector, text):
    """Click on the element with a text."""
    found = f"[...document.querySelectorAll({json.dumps(selector)})].find((e) => e.innerText === {json.dumps(text)})"
    page.until(f"{found} && ({found}.click(), true)")


def fail(task):
    raise ValueError(EVIL)


def test_it_shows_what_happens_without_a_reload_and_nothing_that_was_smuggled_in(server, client, workflows, page):
    page.assert_shows("None yet. Start one, and it is shown here.")
    page.evaluate("window.isSame = true")
    tasks_without_retry(client, "check", "ship")
    register(workflows, EVIL, simple("check", "ship"))
    workflow_id = workflows.start_workflow(EVIL, {"evil": EVIL}, correlation_id=EVIL)
    page.assert_shows(workflow_id)
    page.assert_shows("1 running")
    page.assert_shows("1 queue has tasks and no worker")
    assert page.texts("#queues tr.bad th span", 1) == ["check"]
    with TaskRunner(client, worker_id="the-worker") as runner:
        runner.start_worker("check", lambda task: {"evil": EVIL})
        runner.start_worker("ship", fail)
        page.assert_shows("1 failed")
    page.assert_shows("the-worker: polls")
    server.clock.advance(11)
    page.assert_shows("the-worker: gone for ")
    page.until("getComputedStyle(document.querySelector('#queues .gone')).fontStyle === 'italic'")
    page.until("document.title.startsWith('1 failed')")
    page.click(row(workflow_id))
    page.click(".diagram a[href]")
    page.assert_shows('"evil": "<img src=x')
    assert page.evaluate("window.isSame && document.images.length") == 0


def test_running_and_failed_workflows_come_first_and_the_filter_finds_one(client, workflows, page):
    tasks_without_retry(client, "good", "bad")
    for name in ("good", "bad"):
        register(workflows, name, simple(name))
    with TaskRunner(client) as runner:
        runner.start_worker("good", lambda task: None)
        runner.start_worker("bad", fail)
        for number in range(5):
            workflows.execute_workflow("good", {"number": f"order-{number}"}, correlation_id=f"c{number}")
        workflows.execute_workflow("bad")
    workflows.start_workflow("good", {"number": "the-last"})
    page.assert_shows("5 completed")
    page.assert_shows("1 running")
    assert page.texts("#groups h3", 3) == ["Running", "Failed", "Ended"]
    page.click("#filter [name=text]")
    page.type("ORDER-3")
    page.until("document.querySelectorAll('.row').length === 1")
    page.assert_shows("c3")
    page.evaluate("location.hash = '#status=FAILED'")
    page.until("document.querySelector('.row .name').innerText === 'bad'")
    assert page.evaluate("document.querySelector('#counts [aria-pressed=true]').innerText") == "✗ 1 failed"
    page.evaluate("location.hash = '#name=goo'")
    page.until("document.querySelectorAll('.row').length === 6")


def test_a_workflow_opens_with_its_diagram_its_tries_and_its_children(client, workflows, page):
    TaskExecutor(client).register_task_defs(
        {"name": "flaky", "retryCount": 3, "retryDelaySeconds": 0, "timeoutSeconds": 0, "ownerEmail": "a@b.example"}
    )
    register(workflows, "child", simple("leaf"))
    fork = step("fork", "FORK_JOIN", forkTasks=[simple("flaky"), simple("other")])
    join = step("join", "JOIN", joinOn=["flaky", "other"])
    choice = step("choice", "SWITCH", evaluatorType="value-param", expression="to")
    choice["inputParameters"] = {"to": "${workflow.input.to}"}
    choice["decisionCases"] = {"EU": [step("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "child"})]}
    choice["defaultCase"] = simple("elsewhere")
    loop = step("loop", "DO_WHILE", loopCondition="$.loop['iteration'] < 2", loopOver=simple("again"))
    register(workflows, "parent", [fork, join, choice, loop])
    attempts = []

    def flaky(task):
        attempts.append(task)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return {"tries": len(attempts)}

    with TaskRunner(client) as runner:
        runner.start_worker("flaky", flaky)
        for name in ("other", "leaf", "again"):
            runner.start_worker(name, lambda task: None)
        parent = workflows.execute_workflow("parent", {"to": "EU"}, correlation_id="order-7")
    assert parent.status == "COMPLETED"
    page.click(row(parent.workflow_id))
    page.assert_shows("order-7")
    nodes = page.texts(".diagram .node", 9)
    assert "✓ flaky completed · try 3" in nodes
    assert "○ elsewhere not reached" in nodes
    assert "✓ again completed · iteration 2" in nodes
    click_on(page, ".node .ref", "flaky")
    page.assert_shows("Task flaky")
    page.assert_shows('"tries": 3')
    page.assert_shows("2 of 3")
    click_on(page, "#task dd a", "1: failed")
    page.assert_shows("ValueError: not yet")
    page.assert_shows("Traceback")
    click_on(page, "#workflow dd a", "sub: completed")
    click_on(page, "#workflow dd a", f"parent {parent.workflow_id}")
    page.until("document.querySelector('#workflow-title').innerText === 'parent'")


def test_a_person_starts_answers_terminates_and_retries_on_the_page(client, workflows, page):
    register(workflows, "approval", [step("approve", "HUMAN")], inputParameters=["amount"])
    page.click("#start")
    page.until("document.querySelector('#start-dialog [name=input]').value.includes('\"amount\": null')")
    page.evaluate("document.querySelector('#start-dialog [name=input]').value = '{nonsense'")
    page.click("#start-dialog .buttons button:last-child")
    page.assert_shows("Input: ")
    page.evaluate("document.querySelector('#start-dialog [name=input]').value = '{\"amount\": 9}'")
    page.click("#start-dialog .buttons button:last-child")
    page.assert_shows("approve waits for an answer.")
    page.until("!document.querySelector('dialog[open]')")
    workflow_id = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('workflow')")
    assert workflows.get_workflow(workflow_id).input == {"amount": 9}

    page.click("#workflow .head button:not([hidden])")
    page.click("#terminate-dialog [name=reason]")
    page.type("not needed")
    page.press("Enter")
    page.assert_shows("1 terminated")
    found = workflows.get_workflow(workflow_id)
    assert (found.status, found.reason_for_incompletion) == ("TERMINATED", "not needed")

    page.click("#workflow .head button:not([hidden])")
    page.assert_shows("approve waits for an answer.")
    page.click("#workflow .waiting button")
    page.evaluate("document.querySelector('#complete-dialog [name=output]').value = '{\"approved\": true}'")
    page.click("#complete-dialog .buttons button:last-child")
    page.assert_shows("1 completed")
    assert workflows.get_workflow(workflow_id).output == {"approved": True}


def test_without_actions_the_page_only_shows(browser):
    with DevServer(page_actions=False) as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        register(workflows, "approval", [step("approve", "HUMAN")])
        workflow_id = workflows.start_workflow("approval")
        page = browser.open(f"{page_of(server)}#workflow={workflow_id}")
        page.assert_shows("approve waits for an answer.")
        visible = "[...document.querySelectorAll('button')].filter(e => e.offsetParent).map(e => e.innerText)"
        assert page.evaluate(visible) == ["▶ 1 running"]


def test_the_keyboard_is_enough_and_the_focus_follows(client, workflows, page):
    register(workflows, "approval", [step("approve", "HUMAN")])
    workflow_id = workflows.start_workflow("approval")
    page.assert_shows(workflow_id)
    for _ in range(20):
        page.press("Tab")
        if page.evaluate("document.activeElement.id") == f"row-{workflow_id}":
            break
    page.press("Enter")
    page.until("document.activeElement.id === 'workflow-title'")
    while page.evaluate("document.activeElement.getAttribute('aria-label')") != "Complete approve…":
        page.press("Tab")
    page.press("Enter")
    page.until("document.querySelector('#complete-dialog[open]')?.contains(document.activeElement)")
    page.press("Escape")
    page.until("!document.querySelector('dialog[open]')")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Complete approve…"
    page.evaluate("document.querySelector('#workflow .close').click()")
    page.until(f"document.activeElement.id === 'row-{workflow_id}'")


def test_a_screen_reader_finds_headings_names_and_failures(client, workflows, page):
    tasks_without_retry(client, "bad")
    register(workflows, "order", simple("bad"))
    page.assert_shows("None yet")
    with TaskRunner(client) as runner:
        runner.start_worker("bad", fail)
        workflow_id = workflows.execute_workflow("order").workflow_id
        page.until("/^order failed: .*ValueError/.test(document.querySelector('#live').innerText)")
    page.click(row(workflow_id))
    page.assert_shows("Diagram")
    page.click(".timeline a")
    page.assert_shows("Task bad")
    outline = page.outline()
    headings = [name for role, name in outline if role == "heading"]
    for title in ("Workflows", "Failed", "order", "Diagram", "Task bad", "Tasks", "Queues", "Refused calls"):
        assert title in headings
    operable = {"button", "link", "textbox", "searchbox", "combobox"}
    assert [role for role, name in outline if role in operable and not name] == []
    assert {"banner", "main", "table", "search"} <= {role for role, _ in outline}
    assert any(role == "link" and re.fullmatch(r"bad\s*, failed,.*", name) for role, name in outline), outline
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_it_fits_into_every_width_and_can_be_read_in_both_colours(client, workflows, page):
    names = [f"a-task-with-a-long-name-{number}" for number in range(5)]
    fork = step("fork", "FORK_JOIN", forkTasks=[simple(name) for name in names])
    register(workflows, LONG_NAME, [fork, step("join", "JOIN", joinOn=names)])
    workflow_id = workflows.start_workflow(LONG_NAME, {"long": "x" * 500})
    page.click(row(workflow_id))
    page.click(".timeline a")
    page.assert_shows("Task fork")
    for width in (320, 390, 760, 1000, 1600):
        for dark in (False, True):
            page.resize(width, 1000, dark=dark)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
            assert page.low_contrasts() == [], (width, dark)


def test_updates_are_small(client, workflows, page):
    tasks_without_retry(client, "good")
    register(workflows, "good", simple("good"))
    with TaskRunner(client) as runner:
        runner.start_worker("good", lambda task: None)
        for _ in range(60):
            workflows.execute_workflow("good", {"padding": "x" * 1000})
    page.assert_shows("60 completed")
    before = len(page.received("/page/data/overview"))
    workflow_id = workflows.start_workflow("good")
    page.assert_shows(workflow_id)
    sizes = page.received("/page/data/overview")
    assert max(sizes[before:]) < 2_000, sizes


def test_it_says_that_the_server_has_ended_and_goes_on_with_the_next_one(browser):
    server = DevServer().start()
    page = browser.open(page_of(server))
    page.assert_shows("None yet")
    server.stop()
    page.assert_shows("The server does not answer")
    with server:
        page.assert_hides("The server does not answer")
        with ApiClient(http_settings=HttpSettings(server.url)) as client:
            register(WorkflowExecutor(client), "order", simple("one"))
            page.assert_shows(WorkflowExecutor(client).start_workflow("order"))


def test_another_page_in_the_browser_cannot_start_or_end_a_workflow(browser, server, workflows):
    register(workflows, "order", simple("one"))
    workflow_id = workflows.start_workflow("order")
    script = """(async () => {
      for (const path of PATHS) {
        await fetch(OWN + path, { method: 'POST', mode: 'no-cors', body: '{"name": "order"}' }).catch(() => null);
        const frame = Object.assign(document.createElement('iframe'), { name: 'inner' });
        const form = document.createElement('form');
        Object.assign(form, { method: 'POST', action: OWN + path, target: 'inner' });
        document.body.append(frame, form);
        const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
        form.submit();
        await loaded;
        document.body.replaceChildren();
      }
    })()"""
    actions = [f"page/actions/terminate/{workflow_id}", "page/actions/start", "api/workflow", "api/workflow/order"]
    paths = json.dumps([*actions, f"api/workflow/{workflow_id}/restart"])
    with DevServer() as foreign:
        page = browser.open(f"{page_of(foreign)}health")
        page.evaluate(script.replace("OWN", json.dumps(page_of(server))).replace("PATHS", paths))
    assert server.faults.seen("POST /workflow") == 1  # that of this test
    assert [found.workflow_id for found in workflows.search().results] == [workflow_id]
    assert workflows.get_workflow(workflow_id).status == "RUNNING"
