"""examples/monitoring: each metric and label exists; Prometheus' own tool accepts the rules and runs their tests."""

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

FOLDER = Path(__file__).parents[2] / "examples" / "monitoring"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]] + [rule["expr"] for rule in RULES]
OF_PROMETHEUS = {"job", "instance"}

EVERY_METRIC = """
import sys, threading

from prometheus_client import CollectorRegistry, generate_latest
from conductor import ApiClient, HttpSettings, MetricsCollector, TaskRunner, _recording
from conductor.testing.dev_server import DevServer

registry = CollectorRegistry()
registry.register(MetricsCollector())
for instrument in _recording.CATALOGUE:
    values = ["t" for label in instrument.labels]
    if isinstance(instrument, _recording.Histogram):
        instrument.observe(1.0, *values)
    else:
        instrument.count(*values)
with DevServer() as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
    with TaskRunner(client, outbox=sys.argv[1]) as runner:
        runner.start_worker("t", lambda task: None)
        while not runner.health().ready:
            threading.Event().wait(0.02)
        print(generate_latest(registry).decode())
"""


@pytest.fixture(scope="module")
def exposed(tmp_path_factory):
    """The labels of each series that a MetricsCollector shows once everything has been recorded, by name."""
    program = [sys.executable, "-c", EVERY_METRIC, tmp_path_factory.mktemp("worker") / "outbox.db"]
    text = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    labels = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels[sample.name] |= sample.labels.keys()
    return {**labels, "up": set()}


@pytest.fixture
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: Debian's package prometheus has it")

    def run(*arguments):
        done = subprocess.run([found, *arguments], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def selectors(expression):
    """(name of the metric, names of the labels) of each selector in an expression of PromQL."""
    without_strings = re.sub(r'"[^"]*"', '""', expression)
    without_labels = re.sub(r"\b(by|on|without|ignoring) \([^)]*\)", "", without_strings)
    for name, matchers in re.findall(r"\b([a-z]\w+)\b(?!\s*\()(?:\{([^}]*)\})?", without_labels):
        if name not in {"or", "unless", "and", "offset"}:
            yield name, set(re.findall(r"(\w+)\s*[!=]", matchers))


def grouped_by(expression):
    return {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.split(r",\s*", group)}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_metric_and_label_of_an_expression_is_exposed(exposed, expression):
    found = list(selectors(re.sub(r"\[[^]]*\]|offset \w+", "", expression)))
    assert found
    for name, labels in found:
        assert name in exposed
        assert labels | grouped_by(expression) <= exposed[name] | OF_PROMETHEUS


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_legend_names_labels_that_its_expression_keeps(panel):
    for target in panel["targets"]:
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) == grouped_by(target["expr"]) - {"le"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_names_labels_that_its_expression_keeps(exposed, rule):
    named = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    kept = grouped_by(rule["expr"]) or OF_PROMETHEUS.union(*(exposed[name] for name, _ in selectors(rule["expr"])))
    assert named <= kept


def test_the_panels_have_ids_of_their_own_and_do_not_overlap():
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_variables_of_the_expressions_are_those_of_the_dashboard():
    defined = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([DASHBOARD["panels"], DASHBOARD["templating"]])))
    assert used - {"__rate_interval", "__all"} == defined


def test_the_rules_are_valid(promtool):
    promtool("check", "rules", FOLDER / "alerts.yaml")


def test_the_alerts_fire_and_stay_silent_as_their_tests_say(promtool):
    promtool("test", "rules", FOLDER / "alerts_test.yaml")


def test_each_alert_has_a_test_in_which_it_fires():
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in RULES}


def test_the_expressions_of_the_dashboard_are_promql(promtool, tmp_path):
    def recorded(expression):
        return {"record": "x:y", "expr": expression.replace("$__rate_interval", "1m"), "labels": {"text": expression}}

    rules = [recorded(target["expr"]) for panel in PANELS for target in panel["targets"]]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", file)
