"""examples/deploy: the files fit each other, the command line and the package, and their commands run as they say."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import click
import pytest
import urllib3
import yaml

from conductor import ApiClient, HttpSettings, WorkflowDef, WorkflowExecutor, WorkflowTask
from conductor.cli.program import program
from conductor.supervision.place import KILLED_AFTER
from conductor.testing.dev_server import DevServer
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "deploy"
CONTAINERFILE = (FOLDER / "Containerfile").read_text().replace("\\\n", " ")
UNIT = (FOLDER / "conductor-worker.service").read_text()
OBJECTS = [
    found for file in sorted((FOLDER / "kubernetes").glob("*.yaml")) for found in yaml.safe_load_all(file.read_text())
]
WORKLOADS = [found for found in OBJECTS if found["kind"] in {"Deployment", "StatefulSet"}]
TASK_TYPE = "charge"


def objects(kind):
    return [found for found in OBJECTS if found["kind"] == kind]


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def container_of(workload):
    (container,) = pod_of(workload)["containers"]
    return container


def of_containerfile(instruction):
    return re.findall(rf"^{instruction} (.*)", CONTAINERFILE, re.MULTILINE)


def of_unit(name):
    (value,) = re.findall(rf"^{name}=(.*)", UNIT, re.MULTILINE)
    return value


def given_to_run(arguments):
    """The options of a command line ``run …``, as the program itself reads them."""
    name, *rest = arguments
    command = program.get_command(click.Context(program), name)
    return command.make_context(name, rest, parent=click.Context(program)).params


COMMAND_LINES = {
    **{found["kind"]: container_of(found)["args"] for found in WORKLOADS},
    "Containerfile": yaml.safe_load(of_containerfile("CMD")[0]),
    "systemd": shlex.split(of_unit("ExecStart"))[1:],
}
GRACE = {
    **{found["kind"]: pod_of(found)["terminationGracePeriodSeconds"] for found in WORKLOADS},
    "systemd": int(of_unit("TimeoutStopSec")),
}


@pytest.mark.parametrize("file", COMMAND_LINES)
def test_the_program_has_the_options_and_the_module_is_there(file):
    assert given_to_run(COMMAND_LINES[file])["names"] == ("charge_worker",)
    assert (FOLDER / "charge_worker.py").is_file()


@pytest.mark.parametrize("file", GRACE)
def test_a_worker_is_not_killed_before_its_drain_is_over(file):
    assert GRACE[file] >= given_to_run(COMMAND_LINES[file])["shutdown_timeout"] + KILLED_AFTER + 5


def test_the_documented_wait_of_a_container_is_as_long():
    (wait,) = re.findall(r"--stop-timeout (\d+)", (ROOT / "docs" / "deployment.md").read_text())
    assert int(wait) >= given_to_run(COMMAND_LINES["Containerfile"])["shutdown_timeout"] + KILLED_AFTER + 5


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda found: found["kind"])
class TestPod:
    def test_its_labels_are_those_that_are_selected(self, workload):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"] == labels
        budgets = [found["spec"] for found in objects("PodDisruptionBudget")]
        assert [found["selector"]["matchLabels"] for found in budgets].count(labels) == 1

    def test_its_probes_ask_a_port_that_the_worker_serves_to_other_hosts(self, workload):
        container = container_of(workload)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        given = given_to_run(container["args"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert ports[container[probe]["httpGet"]["port"]] == given["metrics_port"]
        assert given["metrics_host"] == "0.0.0.0"

    def test_it_writes_to_volumes_only(self, workload):
        container, pod = container_of(workload), pod_of(workload)
        claims = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert sorted(mounts.values()) == sorted(claims + [volume["name"] for volume in pod["volumes"]])
        assert str(PurePosixPath(given_to_run(container["args"])["outbox"]).parent) in mounts
        assert "/tmp" in mounts  # noqa: S108 - of the container
        assert container["securityContext"]["readOnlyRootFilesystem"]

    def test_no_volume_of_an_outbox_is_shared_and_no_mount_opens_its_file_to_a_group(self, workload):
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
        context = pod_of(workload)["securityContext"]
        assert "fsGroup" not in context or context["fsGroupChangePolicy"] == "OnRootMismatch"

    def test_it_runs_as_the_user_of_the_image_and_without_rights(self, workload):
        context, container = pod_of(workload)["securityContext"], container_of(workload)
        assert of_containerfile("USER") == [f"{context['runAsUser']}:{context['runAsGroup']}"]
        assert context["runAsNonRoot"]
        assert context["runAsUser"] != 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_stateful_set_has_its_service():
    for found in objects("StatefulSet"):
        (service,) = (each for each in objects("Service") if each["metadata"]["name"] == found["spec"]["serviceName"])
        assert service["spec"]["selector"] == found["spec"]["selector"]["matchLabels"]


def test_keda_scales_a_workload_that_leaves_its_number_of_replicas_to_it():
    for found in objects("ScaledObject"):
        target = found["spec"]["scaleTargetRef"]
        (workload,) = (each for each in WORKLOADS if each["metadata"]["name"] == target["name"])
        assert workload["kind"] == target.get("kind", "Deployment")
        assert "replicas" not in workload["spec"]


def test_keda_finds_the_number_of_waiting_tasks_in_the_answer_of_a_server():
    (trigger,) = objects("ScaledObject")[0]["spec"]["triggers"]
    asked = urlsplit(trigger["metadata"]["url"])
    with DevServer() as server:
        with ApiClient(http_settings=HttpSettings(server.url)) as client:
            workflows = WorkflowExecutor(client)
            step = WorkflowTask(name=TASK_TYPE, task_reference_name="charge")
            workflows.register_workflow(WorkflowDef(name="pay", tasks=[step], owner_email="team@example.com"))
            for _ in range(3):
                workflows.start_workflow("pay")
        answer = urllib3.request("GET", f"{server.url.removesuffix('/api')}{asked.path}?{asked.query}")
    assert answer.json()[trigger["metadata"]["valueLocation"]] == 3


def test_the_image_gets_a_whole_wheel_and_the_worker(tmp_path):
    """The wheel from the files that the first stage copies has each file of the packages."""
    source = tmp_path / "source"
    source.mkdir()
    *for_the_wheel, for_the_image = of_containerfile("COPY")
    for line in for_the_wheel:
        *names, folder = line.split()
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / folder)
            else:
                shutil.copy(ROOT / name, source)
    assert for_the_image.split() == ["examples/deploy/charge_worker.py", "./"]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "wheels"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    for package in (ROOT / "conductor", ROOT / "generated" / "conductor_client"):
        assert {str(file.relative_to(package.parent)) for file in package.rglob("*.py")} <= packed


def test_systemd_accepts_the_unit_and_leaves_it_few_rights(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "conductor-worker.service"  # with a program that is there
    unit.write_text(UNIT.replace("/opt/conductor-worker/venv/bin/conductor-worker", "/bin/true"))
    for check in (["verify"], ["security", "--offline=yes", "--no-pager", "--threshold=20"]):
        done = subprocess.run([analyze, *check, unit], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_systemd_stops_the_processes_that_are_left_only_after_the_drain():
    assert of_unit("KillMode") == "mixed"


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda found: found["kind"])
def test_the_command_of_a_pod_passes_its_own_probes_and_ends_well(workload, tmp_path):
    container = container_of(workload)
    arguments = [
        re.sub(
            "^--outbox=.*", f"--outbox={tmp_path / 'outbox.db'}", re.sub("^--metrics-port=.*", "--metrics-port=0", each)
        )
        for each in container["args"]
    ]
    log = tmp_path / "log"
    with DevServer() as server, log.open("w") as written:
        worker = subprocess.Popen(
            [sys.executable, "-m", "conductor", *arguments, f"--server={server.url}"],
            cwd=FOLDER,
            stdout=written,
            stderr=written,
        )
        try:
            port = eventually(lambda: re.search(r"metrics: http://[\d.]+:(\d+)", log.read_text()))[1]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                url = f"http://127.0.0.1:{port}{container[probe]['httpGet']['path']}"
                eventually(lambda url=url: urllib3.request("GET", url, retries=False).status == 200)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(20) == 0
        finally:
            worker.kill()
            worker.wait()
