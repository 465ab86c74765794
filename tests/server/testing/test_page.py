"""The page at /, and the document at /api-docs."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from conductor.testing import page
from conductor.testing.server.routes import OPERATIONS

ROOT = Path(__file__).parents[3]
EVIL = "\"><script>alert('x')</script>&"
VOID = {"meta", "link", "br"}


class Strict(HTMLParser):
    """Every tag of a page, which must be properly nested."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def task(**members):
    return {"taskId": "t1", "taskDefName": "one", "referenceTaskName": "one_ref", "status": "COMPLETED", **members}


def test_the_page_shows_workflows_tasks_queues_pollers_and_errors(http, server):
    workflow = http.start("breaks")
    http.finish(http.poll("breaks", workerid="me")[0], "FAILED", reasonForIncompletion="no such customer")
    http.start("waits")
    answer = http.get("/")
    assert (answer.status, answer.media_type) == (200, "text/html;charset=UTF-8")
    text = "\n".join(Strict(answer.body.decode()).texts)
    for expected in (workflow, "FAILED", "breaks_ref", "waits_ref", "RUNNING", "no such customer", "waits", "me"):
        assert expected in text


def test_everything_on_the_page_is_escaped(http):
    definition = {"name": EVIL, "version": 1, "tasks": [{"name": EVIL, "taskReferenceName": EVIL, "type": "SIMPLE"}]}
    overview = {
        "workflows": [
            {
                "workflowName": EVIL,
                "workflowId": EVIL,
                "status": EVIL,
                "reasonForIncompletion": EVIL,
                "tasks": [task(referenceTaskName=EVIL, workerId=EVIL, reasonForIncompletion=EVIL, status=EVIL)],
            }
        ],
        "queues": {EVIL: 1},
        "polls": [{"queueName": EVIL, "workerId": EVIL, "domain": EVIL}],
        "errors": [{"time": 1, "status": EVIL, "message": EVIL}],
    }
    parsed = Strict(page.render(overview))
    assert "script" not in parsed.tags
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert "".join(parsed.texts).count(EVIL.partition("'")[0].removesuffix("(")) >= 8
    assert http("PUT", "/api/metadata/workflow", [definition]).status in (200, 400)
    assert b"<script" not in http.get("/").body


def test_the_page_needs_nothing_from_elsewhere_and_refreshes_itself():
    text = page.render({})
    assert "http-equiv=refresh" in text
    assert not re.search(r'(?:src|href)=(?!"data:)|url\(|@import|//', text)
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert "None yet" in text


def test_a_timeline_stays_within_its_frame_whatever_the_times_are():
    times = [(0, 0, 0), (5, 3, 1), (1_000, 2_000, 3_000), (900, 0, 0), (10**15, 5, 5)]
    tasks = [task(scheduledTime=queued, startTime=start, endTime=end) for queued, start, end in times]
    text = page.render({"now": 2_500, "workflows": [{"status": "RUNNING", "startTime": 1_000, "tasks": tasks}]})
    Strict(text)
    bars = re.findall(r"left:([-\d.e+]+)%;width:([-\d.e+]+)%", text)
    assert bars
    assert all(min(float(left), float(width)) >= 0 for left, width in bars)
    assert all(float(left) + float(width) <= 100.01 for left, width in bars)


def test_a_long_workflow_is_cut(http):
    tasks = [task(referenceTaskName=f"ref-{number}") for number in range(page.MOST_TASKS + 5)]
    text = page.render({"workflows": [{"status": "RUNNING", "tasks": tasks}]})
    assert "… and 5 more tasks" in text
    assert f"ref-{page.MOST_TASKS}<" not in text


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
