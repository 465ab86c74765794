"""The page at /, with its data and its actions, and the document at /api-docs."""

import json
import re
from pathlib import Path

import pytest

from conductor.testing import DevServer
from conductor.testing.page import page_files
from conductor.testing.server.routes import OPERATIONS

ROOT = Path(__file__).parents[3]
OVERVIEW = "/page/data/overview"
TEXTS = {name: content.decode() for name, (content, _) in page_files().items()}
HUMAN = [{"name": "approve", "taskReferenceName": "approve", "type": "HUMAN"}]


def look(http, path=OVERVIEW, **query):
    given = "&".join(f"{name}={value}" for name, value in query.items())
    answer = http.get(f"{path}?{given}")
    assert answer.status == 200, answer.body
    return answer.json()


def act(http, path, body, **headers):
    own = {"Origin": f"http://{http.address}", **headers}
    return http.post(f"/page/actions/{path}", body, **own)


def start_human(http):
    workflow = {"name": "approval", "version": 1, "tasks": HUMAN, "inputParameters": ["amount"]}
    assert http("PUT", "/api/metadata/workflow", [workflow]).status == 200
    return http.post("/api/workflow", {"name": "approval"}).body.decode()


def ids(answer):
    return [row["id"] for row in answer["workflows"]]


# Files


def test_the_page_and_its_files_are_served_and_load_nothing_from_elsewhere(http):
    page = http.get("/")
    assert (page.status, page.media_type) == (200, "text/html;charset=UTF-8")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    for name, kind in (("main.js", "text/javascript;charset=UTF-8"), ("page.css", "text/css;charset=UTF-8")):
        answer = http.get(f"/page/{name}")
        assert (answer.status, answer.media_type) == (200, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert http.get("/page/nosuch.js").status == 404
    assert http.get("/page/__init__.py").status == 404


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_file_of_the_page_names_no_other_server_and_reads_no_html(name):
    text = TEXTS[name]
    assert not re.search(r"https?:|(?:src|href)=\"(?!/page/|data:|#)|url\(|@import", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)
    for imported in re.findall(r'from "\./([^"]+)"', text):
        assert imported in TEXTS


# Data


def test_the_overview_counts_all_workflows_and_shows_running_and_failed_ones_apart(http):
    failed = http.start("one")
    http.finish(http.poll("one", workerid="me")[0], "FAILED", reasonForIncompletion="no such customer")
    for _ in range(3):
        http.post("/api/workflow", {"name": "flow", "correlationId": "c7"})
        http.finish(http.poll("one")[0])
    running = http.post("/api/workflow", {"name": "flow"}).body.decode()
    answer = look(http, limit=2)
    assert answer["counts"] == {"COMPLETED": 3, "FAILED": 1, "RUNNING": 1}
    assert answer["more"] == {"running": False, "failed": False, "ended": True}
    rows = {row["id"]: row for row in answer["workflows"]}
    assert len(rows) == 4
    assert (rows[failed]["status"], rows[failed]["reason"]) == ("FAILED", rows[failed]["reason"])
    assert "no such customer" in rows[failed]["reason"]
    assert rows[running]["open"] == ["one_ref scheduled"]
    assert {row.get("correlationId") for row in answer["workflows"] if row["status"] == "COMPLETED"} == {"c7"}


def test_the_overview_sends_only_what_has_changed(http):
    first = http.start("one")
    before = look(http)
    assert (ids(before), before["full"]) == ([first], True)
    same = look(http, since=before["since"])
    assert set(same) == {"now", "workflows", "gone", "full", "since", "actions"}
    assert (same["workflows"], same["gone"], same["full"]) == ([], [], False)
    second = http.post("/api/workflow", {"name": "flow"}).body.decode()
    after = look(http, since=same["since"])
    assert ids(after) == [second]
    assert after["counts"] == {"RUNNING": 2}
    assert [queue["waiting"] for queue in after["queues"]] == [2]
    http.finish(http.poll("one")[0])
    assert look(http, since=after["since"])["workflows"][0]["status"] == "COMPLETED"
    http("DELETE", f"/api/workflow/{first}/remove?archiveWorkflow=false")
    assert first in look(http, since=after["since"])["gone"]


def test_a_page_that_was_open_before_a_restart_gets_all_again(connect, tmp_path):
    server = DevServer(db=tmp_path / "conductor.db")
    with server:
        workflow = connect(server).start("one")
        since = look(connect(server))["since"]
    with server:
        answer = look(connect(server), since=since)
        assert (ids(answer), answer["full"]) == ([workflow], True)
        for nonsense in ("x", "1.2", f"{since}.x", "%00", ".."):
            assert look(connect(server), since=nonsense)["full"]


def test_workflows_that_are_forgotten_leave_the_page(connect):
    with DevServer(retention=1) as server:
        http = connect(server)
        first = http.start("one")
        http.finish(http.poll("one")[0])
        before = look(http)
        http.start("one")
        http.finish(http.poll("one")[0])
        assert first in look(http, since=before["since"])["gone"]


def test_after_many_changes_all_is_sent_again(http):
    http.start("one")
    before = look(http)
    for _ in range(201):
        http.post("/api/workflow", {"name": "flow"})
    after = look(http, since=before["since"])
    assert (after["full"], len(after["workflows"]), after["more"]["running"]) == (True, 50, True)


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize(
    "filters",
    [
        {"name": "FLO"},
        {"text": "ORDER-7"},
        {"text": "c%25_7"},
        {"text": "%C3%A9t%C3%A9"},
        {"text": "quote%22d"},
        {"text": "one_ref"},
        {"text": "the-worker"},
        {"name": "w", "text": "order"},
    ],
    ids=str,
)
def test_the_filter_finds_a_workflow_whether_it_is_open_or_not(http, filters, is_open):
    http.start("one")
    http.poll("one")
    other = {"name": "other", "version": 1, "tasks": HUMAN}
    http("PUT", "/api/metadata/workflow", [other])
    http.post("/api/workflow", {"name": "other", "input": {"x": "cX_7"}})
    http.post(
        "/api/workflow", {"name": "flow", "correlationId": "c%_7", "input": {"id": "order-7", "s": 'été quote"d'}}
    )
    task = http.poll("one", workerid="the-worker")[0]
    if not is_open:
        http.finish(task, workerId="the-worker", output={})
    found = look(http, **filters)
    assert task["workflowInstanceId"] in ids(found)
    assert "other" not in {row["name"] for row in found["workflows"]}
    assert look(http, **filters, status="RUNNING" if is_open else "COMPLETED")["workflows"]
    assert not look(http, **filters, status="TERMINATED")["workflows"]
    nothing = {**filters, "text": "nosuch"}
    assert look(http, **nothing)["workflows"] == []


def test_a_change_that_takes_a_workflow_out_of_the_filter_says_so(http):
    workflow = http.start("one")
    before = look(http, status="RUNNING")
    http.finish(http.poll("one")[0])
    after = look(http, status="RUNNING", since=before["since"])
    assert (after["workflows"], after["gone"]) == ([], [workflow])


def test_a_queue_tells_who_polls_it_and_who_has_gone(http, server):
    def queue():
        return look(http)["queues"][0]

    http.start("one")
    counts = {"type": "one", "domain": None, "waiting": 1, "later": 0, "running": 0}
    assert queue() == {**counts, "workers": []}
    http.poll("one", workerid="me")
    assert queue() == {**counts, "waiting": 0, "running": 1, "workers": [{"id": "me", "running": 1, "lastPoll": None}]}
    server.clock.advance(11)
    http.poll("one", workerid="other", timeout=0)
    me, other = queue()["workers"]
    assert (other["id"], other["lastPoll"]) == ("other", None)
    assert (me["id"], me["running"], me["lastPoll"] > 0) == ("me", 1, True)
    server.clock.advance(700)
    assert [worker["id"] for worker in queue()["workers"]] == ["other"]
    http.poll("two", domain="d", timeout=0)
    assert [(each["type"], each["domain"]) for each in look(http)["queues"]] == [("one", None), ("two", "d")]


def test_a_queue_names_its_last_workers_however_many_poll_it(http):
    for number in range(30):
        http.poll("one", workerid=f"worker-{number}", timeout=0)
    workers = [worker["id"] for worker in look(http)["queues"][0]["workers"]]
    assert workers == [f"worker-{number}" for number in range(10, 30)]


def test_a_retry_of_the_future_is_counted_apart_and_its_reason_is_told(http):
    workflow = http.start("one", retryCount=1, retryDelaySeconds=600)
    http.finish(http.poll("one")[0], "FAILED", reasonForIncompletion="not yet")
    answer = look(http)
    assert [(each["waiting"], each["later"]) for each in answer["queues"]] == [(0, 1)]
    assert answer["workflows"][0]["reason"] == "one_ref: not yet"
    detail = look(http, f"/page/data/workflow/{workflow}")
    assert [(task["status"], task["retries"]) for task in detail["tasks"]] == [("FAILED", 0), ("SCHEDULED", 1)]


def test_refused_calls_are_shown_but_not_those_of_the_page(http):
    assert http.get("/api/workflow/nosuch").status == 404
    assert http.get("/page/data/workflow/nosuch").status == 404
    assert http.get("/page/data/task/nosuch").status == 404
    errors = look(http)["errors"]
    assert [(error["status"], error["message"]) for error in errors] == [(404, "No such workflow found by id: nosuch")]


def test_a_workflow_is_shown_with_its_definition_and_then_with_what_has_changed(http):
    workflow = http.start("one", "two")
    path = f"/page/data/workflow/{workflow}"
    before = look(http, path)
    assert before["definition"]["tasks"][1]["taskReferenceName"] == "two_ref"
    assert before["workflow"]["status"] == "RUNNING"
    assert [task["ref"] for task in before["tasks"]] == ["one_ref"]
    same = look(http, path, since=before["since"])
    assert (same["tasks"], same["total"]) == ([], 1)
    assert not {"workflow", "definition", "values"} & set(same)
    http.finish(http.poll("one", workerid="me")[0], outputData={"a": 1}, logs=[{"log": "hello"}])
    after = look(http, path, since=same["since"])
    assert [(task["ref"], task["status"]) for task in after["tasks"]] == [
        ("one_ref", "COMPLETED"),
        ("two_ref", "SCHEDULED"),
    ]
    assert "definition" not in after
    task = look(http, f"/page/data/task/{after['tasks'][0]['id']}")
    assert (task["changed"]["output"], task["changed"]["log"][0]["log"]) == ({"a": 1}, "hello")
    assert "changed" not in look(http, f"/page/data/task/{after['tasks'][0]['id']}", since=task["since"])


def test_a_child_names_its_parent_and_the_parent_its_child(http):
    http.start("one", name="child")
    steps = [{"name": "s", "taskReferenceName": "s", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "child"}}]
    http("PUT", "/api/metadata/workflow", [{"name": "parent", "version": 1, "tasks": steps}])
    parent = http.post("/api/workflow", {"name": "parent"}).body.decode()
    (task,) = look(http, f"/page/data/workflow/{parent}")["tasks"]
    child = look(http, f"/page/data/workflow/{task['child']}")["workflow"]
    assert (child["parent"]["id"], child["parent"]["name"], child["parent"]["status"]) == (parent, "parent", "RUNNING")


def test_a_workflow_that_a_task_has_started_is_one_click_away(http):
    http.start("one", name="other")
    steps = [{"name": "s", "taskReferenceName": "s", "type": "START_WORKFLOW"}]
    steps[0]["inputParameters"] = {"startWorkflow": {"name": "other", "input": {}}}
    http("PUT", "/api/metadata/workflow", [{"name": "starter", "version": 1, "tasks": steps}])
    workflow = http.post("/api/workflow", {"name": "starter"}).body.decode()
    (task,) = look(http, f"/page/data/workflow/{workflow}")["tasks"]
    assert look(http, f"/page/data/workflow/{task['child']}")["workflow"]["name"] == "other"


# Actions


def test_the_page_starts_terminates_retries_and_answers(http):
    start_human(http)
    assert look(http, "/page/data/definitions") == [{"name": "approval", "input": {"amount": None}}]
    workflow = act(http, "start", {"name": "approval", "correlationId": "c", "input": {"amount": 1}}).body.decode()
    assert act(http, f"terminate/{workflow}", {"reason": "not needed"}).status == 200
    found = http.get(f"/api/workflow/{workflow}").json()
    assert (found["status"], found["reasonForIncompletion"]) == ("TERMINATED", "not needed")
    assert act(http, f"retry/{workflow}", {}).status == 200
    task = look(http, f"/page/data/workflow/{workflow}")["tasks"][-1]
    result = {"taskId": task["id"], "workflowInstanceId": workflow, "status": "COMPLETED", "outputData": {"ok": True}}
    assert act(http, "complete", result).status == 200
    assert http.get(f"/api/workflow/{workflow}").json()["status"] == "COMPLETED"
    assert "tasks: approve is a HUMAN task, and COMPLETED" in act(http, "complete", result).json()["message"]


def test_the_page_leaves_the_tasks_of_workers_alone(http):
    workflow = http.start("one")
    task = http.poll("one")[0]
    answer = act(http, "complete", {"taskId": task["taskId"], "workflowInstanceId": workflow, "status": "COMPLETED"})
    assert (answer.status, "one_ref is a one task" in answer.json()["message"]) == (400, True)
    assert act(http, f"terminate/{workflow}", {"reason": 5}).status == 400
    assert http.get(f"/api/workflow/{workflow}").json()["status"] == "RUNNING"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "", "Sec_Fetch_Site": "none"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Host": "evil.example"},
    ],
    ids=str,
)
def test_an_action_is_taken_from_the_page_alone_and_as_json_alone(http, headers):
    workflow = start_human(http)
    answer = act(http, f"terminate/{workflow}", "{}", **headers)
    assert answer.status == (500 if "Content_Type" in headers else 403)
    assert http.get(f"/api/workflow/{workflow}").json()["status"] == "RUNNING"


def test_a_browser_that_says_where_a_request_comes_from_in_another_header_may_act(http):
    workflow = start_human(http)
    assert act(http, f"terminate/{workflow}", {}, Origin="", Sec_Fetch_Site="same-origin").status == 200


def test_without_actions_all_of_them_are_refused(connect):
    with DevServer(page_actions=False) as server:
        http = connect(server)
        workflow = start_human(http)
        assert look(http)["actions"] is False
        result = {"taskId": "x", "workflowInstanceId": workflow, "status": "COMPLETED"}
        for path, body in (
            ("start", {"name": "approval"}),
            (f"retry/{workflow}", {}),
            (f"terminate/{workflow}", {}),
            ("complete", result),
        ):
            answer = act(http, path, body)
            assert (answer.status, "page_actions=False" in answer.json()["message"]) == (403, True)
        assert look(http)["counts"] == {"RUNNING": 1}


# The document


def test_the_document_is_the_servers_own_cut_to_what_is_served(http):
    answer = http.get("/api-docs")
    served, full = answer.json(), json.loads((ROOT / "openapi" / "conductor.json").read_text())
    operations = {f"{method.upper()} {path}" for path, item in served["paths"].items() for method in item}
    own = {"GET /", "GET /api-docs", "GET /api/version", "POST /api/token"}
    assert operations == OPERATIONS - own
    for path, item in served["paths"].items():
        for method, operation in item.items():
            assert operation == full["paths"][path][method]
    for name, schema in served["components"]["schemas"].items():
        assert schema == full["components"]["schemas"][name]


def test_every_operation_of_the_generated_client_is_served():
    kept = json.loads((ROOT / "openapi" / "conductor.json").read_text())["paths"]
    rules = (ROOT / "openapi" / "patches" / "rules.py").read_text()
    wanted = set(re.findall(r'^    "((?:GET|POST|PUT|DELETE) /api/[^"]*)":', rules, re.MULTILINE))
    assert len(wanted) > 40
    assert wanted <= OPERATIONS
    assert {operation.partition(" ")[2] for operation in wanted} <= set(kept)
