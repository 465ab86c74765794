"""A process of ``conductor-worker dev``, with its lines, its log and its server."""

import os
import re
import shlex
import signal
import subprocess
import sys

from conductor import ApiClient, HttpSettings, WorkflowExecutor
from support.programs import children_of
from support.waiting import eventually


class Session:
    """A process of ``conductor-worker dev`` in a folder. Its port is free, whatever the command line says."""

    def __init__(self, folder, *arguments, **variables):
        self.folder = folder
        self.lines = folder / "dev.out"
        self.log = folder / "dev.err"
        with self.lines.open("w") as out, self.log.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "conductor", "dev", *arguments, "--port", "0"],
                cwd=folder,
                env=os.environ | variables,
                stdout=out,
                stderr=err,
            )

    def said(self, name, count=1):
        """The texts of the lines that begin with a name, once there are so many."""

        def found():
            assert self.process.poll() is None, self.log.read_text()
            texts = re.findall(rf"^{name} +(.*)\n", self.lines.read_text(), re.MULTILINE)
            return len(texts) >= count and texts

        return eventually(found)

    def logged(self, text):
        """The log, once it has this text."""
        return eventually(lambda: text in (log := self.log.read_text()) and log)

    @property
    def url(self):
        return self.said("API")[0]

    def run(self, line, **variables):
        """The output of a line for a shell, which may begin with ``env -u NAME``."""
        words = shlex.split(line)
        place = words.index("conductor-worker")
        unset, arguments = words[2:place:2], words[place + 1 :]
        done = subprocess.run(
            [sys.executable, "-m", "conductor", *arguments],
            cwd=self.folder,
            env={name: value for name, value in (os.environ | variables).items() if name not in unset},
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def output_of(self, workflow_id):
        """The output of a workflow, once it is COMPLETED."""
        with ApiClient(http_settings=HttpSettings(self.url)) as client:
            workflows = WorkflowExecutor(client)
            eventually(lambda: workflows.get_workflow(workflow_id).status == "COMPLETED")
            return workflows.get_workflow(workflow_id).output

    def workers(self):
        """The id of the process in which the workers run."""
        return eventually(lambda: children_of(self.process.pid))[0]

    def end(self, number=signal.SIGINT):
        """Send the signal, and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(20)
