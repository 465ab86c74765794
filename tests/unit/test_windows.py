"""What Windows lacks, taken away from this interpreter: everything still imports, and a runner still runs."""

import subprocess
import sys

import pytest

WINDOWS = """
import asyncio, concurrent.futures.process, multiprocessing.connection, multiprocessing.spawn, sqlite3, subprocess
import click, rich.console, watchfiles
import msgspec, prometheus_client, urllib3  # what others do on Windows is theirs to prove: they come before it
import http.server, importlib, os, pkgutil, signal, ssl, sys

POSIX_MODULES = "fcntl grp posix pwd resource syslog termios"
OF_OS = '''fork forkpty register_at_fork getuid geteuid getgid getegid setuid setsid getpgid killpg wait3 wait4
    WNOHANG fchmod fchown chown mkfifo nice uname sched_getaffinity statvfs getloadavg sysconf O_NOFOLLOW O_CLOEXEC'''
OF_SIGNAL = '''pthread_sigmask pthread_kill SIG_BLOCK SIG_SETMASK SIG_UNBLOCK sigwait sigpending sigtimedwait alarm
    setitimer pause siginterrupt SIGKILL SIGHUP SIGCHLD SIGUSR1 SIGUSR2 SIGALRM SIGPIPE SIGQUIT SIGSTOP SIGCONT'''
for name in POSIX_MODULES.split():
    sys.modules[name] = None
for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
    for name in names.split():
        vars(module).pop(name, None)
sys.platform = "win32"
ssl.enum_certificates = lambda store: []  # which only Windows has
"""

IMPORT_ALL = """
import conductor, conductor.testing
names = [module.name for module in pkgutil.walk_packages(conductor.__path__, "conductor.")]
assert "conductor.calling.process_pool" in names and "conductor.testing.dev_server" in names
for name in names:
    if name not in ("conductor.testing.__main__", "conductor.testing.pytest_plugin"):
        importlib.import_module(name)
for name in conductor.__all__:
    getattr(conductor, name)
"""

RUN = """
from pathlib import Path
from conductor import ApiClient, HttpSettings, TaskRunner, WorkflowDef, WorkflowExecutor, WorkflowTask, provide_metrics
from conductor import MetricsSettings
from conductor.testing import DevServer

async def later(task):
    return {"n": 2}

with DevServer() as server, provide_metrics(MetricsSettings(port=0)):
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        workflows = WorkflowExecutor(client)
        steps = [WorkflowTask("now", "now"), WorkflowTask("later", "later")]
        workflows.register_workflow(WorkflowDef("both", steps, owner_email="team@example.com"))
        workflow_id = workflows.start_workflow("both")
        runner = TaskRunner(client, outbox=Path(sys.argv[1]) / "outbox.db")
        runner.start_worker("now", lambda task: {"n": 1}, lease_extension=True)
        runner.start_worker("later", later, timeout=10)
        server.join(20)
        assert workflows.get_workflow(workflow_id).status == "COMPLETED"
        runner.shutdown()
        assert runner.wait_workers()
"""


@pytest.mark.parametrize("program", [IMPORT_ALL, RUN], ids=["all imports", "two workers run and drain"])
def test_nothing_needs_what_windows_lacks(program, tmp_path):
    command = [sys.executable, "-c", WINDOWS + program, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
