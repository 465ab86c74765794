"""``conductor-worker dev``, as processes: its page is followed, and it ends in every way."""

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from conductor import ApiClient, HttpSettings, TaskExecutor, WorkflowExecutor
from support.dev_session import Session
from support.programs import is_alive
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command-dev.md").read_text()
SLOW = """
import subprocess
import sys
from pathlib import Path
from conductor import worker_task

@worker_task("slow")
def slow() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path("sleeper").with_suffix(".new").write_text(str(sleeper.pid))
    Path("sleeper.new").rename("sleeper")
    sleeper.wait()
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def start(*arguments, **variables):
        started.append(Session(tmp_path, *arguments, **variables))
        return started[-1]

    yield start
    for session in started:
        session.process.kill()
        session.process.wait()


def blocks(language):
    """The blocks of the page with the language, "" if they have none."""
    found = re.findall(r"^```(\w*)\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text for kind, text in found if kind == language]


def test_the_page_leads_from_an_empty_folder_to_a_workflow(start, tmp_path):
    """The blocks of the page, in order: install, the file, the first terminal, what it prints, the second terminal."""
    (code,) = blocks("python")
    file = re.search(r"Save this as `(.*)`:", PAGE)[1]
    _install, dev, begin = blocks("")
    assert len([line for line in code.splitlines() if line]) <= 12
    (tmp_path / file).write_text(code)
    session = start(*shlex.split(dev)[2:])
    assert session.said("workers") == ["charge"]
    variables = {"CONDUCTOR_SERVER_URL": session.url}  # the page's port is 8080, where no option is needed
    assert session.output_of(session.run(begin, **variables)) == {"receipt": "A7: 9.9 EUR"}
    (printed,) = session.said("start")
    page_prints = re.search(r"^start +(.*)$", *blocks("text"), re.MULTILINE)[1]
    assert printed == f"{page_prints} --server {session.url}"
    assert session.output_of(session.run(printed)) == {"receipt": "text: 1.5 EUR"}
    (tmp_path / file).write_text(code.replace("EUR", "USD"))
    session.said("workers", 2)
    assert session.output_of(session.run(begin, **variables)) == {"receipt": "A7: 9.9 USD"}
    assert "charge: COMPLETED after" in session.logged("COMPLETED")
    child = session.workers()
    assert session.end() == 0
    assert not is_alive(child)


def test_with_json_a_program_reads_the_addresses_and_the_command(start, tmp_path):
    shutil.copy(ROOT / "examples" / "pay.py", tmp_path)
    session = start("pay.py", "--json")
    lines = eventually(lambda: '"start"' in (text := session.lines.read_text()) and text.endswith("\n") and text)
    said = {each["name"]: each["text"] for each in map(json.loads, lines.splitlines())}
    assert said.keys() == {"page", "API", "workers", "start"}
    assert said["API"] == f"{said['page']}api"
    assert said["workers"] == "charge"
    assert shlex.split(said["start"])[:2] == ["conductor-worker", "workflow"]
    assert session.end() == 0


def test_with_json_what_modules_and_functions_print_goes_to_standard_error(start, tmp_path):
    code = (ROOT / "examples" / "pay.py").read_text()
    prints = "import os\n    print('noise', flush=True)\n    os.system('echo noise')\n    return"
    (tmp_path / "pay.py").write_text(f"print('noise')\n{code.replace('return', prints)}")
    session = start("pay.py", "--json")
    lines = eventually(lambda: '"start"' in (text := session.lines.read_text()) and text.endswith("\n") and text)
    session.run(json.loads(lines.splitlines()[-1])["text"])
    session.logged("COMPLETED after")
    assert session.end() == 0
    assert session.log.read_text().count("noise\n") == 3
    assert "noise" not in session.lines.read_text()


def test_names_that_are_not_ascii_are_printed_where_the_output_is_ascii(start, tmp_path):
    code = (ROOT / "examples" / "pay.py").read_text()
    (tmp_path / "pay.py").write_text(code.replace('worker_task("charge")', 'worker_task("ünï")'), encoding="utf-8")
    session = start("pay.py", PYTHONIOENCODING="ascii")
    assert session.said("workers") == ["ünï"]
    assert session.end() == 0


def test_an_error_in_the_code_is_told_and_the_next_save_goes_on(start, tmp_path):
    app = tmp_path / "app.py"
    app.write_text("from conductor import worker_task\ndef broken(:\n    pass\n")
    session = start("app.py")
    log = session.logged("waits for a change of a file")
    assert "app.py, line 2" in log
    assert "def broken(:" in log
    assert "Traceback" not in log
    app.write_text("raise ValueError('no\\x1b[2Jconfiguration')\n")
    log = session.logged("configuration")
    assert "line 1" in log
    assert "\x1b" not in log
    shutil.copy(ROOT / "examples" / "pay.py", app)
    assert session.said("workers") == ["charge"]
    assert session.end(signal.SIGTERM) == 0


def test_settings_for_another_server_are_not_used_and_a_worker_without_a_workflow_can_be_tried(start, tmp_path):
    shutil.copy(ROOT / "examples" / "first_worker.py", tmp_path)
    outbox = tmp_path / "outbox"
    variables = {
        "CONDUCTOR_SERVER_URL": "http://127.0.0.1:1/api",
        "CONDUCTOR_AUTH_KEY": "key",
        "CONDUCTOR_AUTH_SECRET": "the-secret",
        "CONDUCTOR_WORKER_OUTBOX": str(outbox),
        "CONDUCTOR_WORKER_ALL_DOMAIN": "blue",
        "conductor.worker.charge.domain": "red",
    }
    session = start("first_worker.py", **variables)
    assert set(session.said("not used")[0].split(", ")) == variables.keys()
    assert session.output_of(session.run(session.said("start")[0], **variables)) == {"receipt": "text: 9.90 EUR"}
    assert session.end() == 0
    assert not outbox.exists()
    assert "the-secret" not in session.lines.read_text() + session.log.read_text()


def test_definitions_are_registered_at_the_start_and_after_a_change(start, tmp_path):
    shutil.copytree(ROOT / "examples" / "tutorial", tmp_path, dirs_exist_ok=True)
    file = tmp_path / "definitions" / "order.json"
    session = start("app.py", "--definitions", "definitions")
    assert session.said("registered") == ["task price_order; task charge_card; workflow order, version 1"]
    (command,) = session.said("start")
    assert """--input '{"quantity": 1, "unit_price": "9.90"}'""" in command
    file.with_name("bad.json").write_text("{")
    assert session.said("problem")[0].startswith("definitions/bad.json: line 1")
    file.write_text(file.read_text().replace('"retryDelaySeconds": 3', '"retryDelaySeconds": 0'))
    assert session.said("registered", 2)[1] == "task charge_card"
    assert session.output_of(session.run(command)) == {"receipt": "paid 9.90 EUR"}
    assert session.end() == 0


def test_a_definition_file_with_a_problem_is_not_taken_for_no_workflow(start, tmp_path):
    shutil.copy(ROOT / "examples" / "first_worker.py", tmp_path)
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "bad.json").write_text("{")
    session = start("first_worker.py", "--definitions", "definitions")
    assert session.said("workers") == ["charge"]
    assert re.findall("^(?:problem|workflows|start) ", session.lines.read_text(), re.MULTILINE) == ["problem "]
    with ApiClient(http_settings=HttpSettings(session.url)) as client:
        assert WorkflowExecutor(client).get_workflow_defs() == []
    assert session.end() == 0


def test_workflows_may_be_in_a_module_of_their_own(start, tmp_path):
    worker, flow = (ROOT / "examples" / "pay.py").read_text().split("PAY = ")
    (tmp_path / "workers.py").write_text(worker)
    (tmp_path / "flows.py").write_text(f"from conductor import WorkflowDef\nfrom workers import charge\nPAY = {flow}")
    session = start("flows.py", "workers.py")
    assert session.output_of(session.run(session.said("start")[0])) == {"receipt": "text: 1.5 EUR"}
    assert session.end() == 0


def test_a_workflow_that_is_refused_is_told_and_no_start_of_it_is_offered(start, tmp_path):
    app = tmp_path / "app.py"
    code = (ROOT / "examples" / "pay.py").read_text()
    app.write_text(code.replace("${workflow.input.amount}", "${chrge.output.amount}"))
    session = start("app.py")
    assert session.said("problem")[0].startswith(
        "the definitions of the code are not registered: PUT /metadata/workflow"
    )
    assert session.said(" ")[0].endswith(
        "amount of input parameter: ${chrge.output.amount} is not defined in workflow definition."
    )
    session.logged("polling charge")
    app.write_text(code)
    (command,) = session.said("start")
    assert session.output_of(session.run(command)) == {"receipt": "text: 1.5 EUR"}
    assert session.end() == 0


def test_a_lifespan_is_entered(start, tmp_path):
    (tmp_path / "app.py").write_text(
        "from contextlib import contextmanager\n"
        "from conductor import task_context, worker_task\n"
        "@contextmanager\n"
        "def lifespan():\n"
        "    yield 'pool'\n"
        "@worker_task('read')\n"
        "def read() -> dict[str, str]:\n"
        "    return {'state': task_context().state}\n"
    )
    session = start("app", "--lifespan", "app:lifespan")
    assert session.output_of(session.run(session.said("start")[0])) == {"state": "pool"}


def test_a_lifespan_that_is_not_there_is_told_and_a_save_may_add_it(start, tmp_path):
    (tmp_path / "workers").mkdir()
    (tmp_path / "parts").mkdir()
    shutil.copy(ROOT / "examples" / "pay.py", tmp_path / "workers")
    life = tmp_path / "parts" / "life.py"
    life.touch()
    session = start("workers/pay.py", "--lifespan", "parts/life.py:lifespan")
    log = session.logged("waits for a change of a file")
    assert "--lifespan: module 'parts/life.py' has no 'lifespan'" in log
    life.write_text("from contextlib import nullcontext\nlifespan = nullcontext\n")
    assert session.said("workers") == ["charge"]
    assert session.end() == 0


def begun(session):
    """The ids of the process of the workers, and of the program that its function has started."""
    session.run(session.said("start")[0])
    sleeper = session.folder / "sleeper"
    eventually(sleeper.exists)
    return session.workers(), int(sleeper.read_text())


def test_a_second_signal_ends_a_function_and_all_that_it_has_started(start, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    session = start("slow.py")
    processes = begun(session)
    session.process.send_signal(signal.SIGINT)
    session.logged("SIGTERM: draining, 1 task runs")
    assert session.end() == 1
    eventually(lambda: not any(map(is_alive, processes)))


def test_nothing_outlives_a_killed_command(start, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    session = start("slow.py")
    processes = begun(session)
    session.process.kill()
    eventually(lambda: not any(map(is_alive, processes)))


def test_without_a_module_it_is_a_server_with_a_file(start):
    session = start("--db", "dev.db")
    with ApiClient(http_settings=HttpSettings(session.url)) as client:
        assert TaskExecutor(client).get_task_defs() == []
    assert session.end(signal.SIGTERM) == 0
    assert (session.folder / "dev.db").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--port", "{port}"], 1, "Error: cannot listen on port {port}: Address already in use"),
        (["nosuch.py"], 2, "there is no file 'nosuch.py'"),
        (["no-name"], 2, "'no-name' is no module"),
        (["--lifespan", "nosuch.py:lifespan"], 2, "there is no file 'nosuch.py'"),
        (["--definitions", "nosuch"], 2, "nosuch"),
        (["--db", "/nosuch/dev.db"], 2, "--db /nosuch/dev.db"),
    ],
)
def test_what_cannot_work_is_one_sentence(tmp_path, arguments, status, text):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "conductor", "dev", "--port", "0", *(each.format(port=port) for each in arguments)],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == status
    assert text.format(port=port) in done.stderr
    assert "Traceback" not in done.stderr
