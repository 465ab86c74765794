"""scripts/release.py in a clone with an origin of its own, against an index that is a small HTTP server here."""

import json
import os
import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
PARTS = (
    "conductor",
    "generated",
    "docs",
    "examples",
    "requirements",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "scripts",
)
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A cure for colds.\n\n[docs/x.md]: docs/x.md\n"
NEW = "9.9.9"
FILES = {f"conductor_worker-{NEW}.tar.gz", f"conductor_worker-{NEW}-py3-none-any.whl"}


class Index(ThreadingHTTPServer):
    """Takes uploads. uploaded: the names of the files. refused: a file name that gets the status 403."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), TakeUpload)
        self.uploaded = []
        self.refused = None
        self.url = f"http://127.0.0.1:{self.server_port}/legacy/"


class TakeUpload(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = re.search(rb'name="content"; filename="([^"]+)"', body)[1].decode()
        accepted = name != self.server.refused
        if accepted:
            self.server.uploaded.append(name)
        self.send_response(200 if accepted else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def index():
    with Index() as index:
        Thread(target=index.serve_forever, daemon=True).start()
        yield index
        index.shutdown()


class Clone:
    """A checkout of this package with an origin, whose test of the wheel is a script that only notes its call."""

    def __init__(self, folder, index):
        self.folder = folder / "clone"
        self.origin = folder / "origin.git"
        self.tested = self.folder / "dist" / "tested"
        self.environment = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{key}": f"{key}@x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody is there: no service outside of this machine is asked
            "TWINE_REPOSITORY_URL": index.url,
            "TWINE_USERNAME": "me",
            "TWINE_PASSWORD": "secret",
        }
        self._fill()

    def _fill(self):
        self.folder.mkdir()
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self.git("init", "--quiet", "--initial-branch=main")
        for part in PARTS:
            source, target = ROOT / part, self.folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "_build"))
            else:
                shutil.copy2(source, target)
        self.write(".gitignore", "dist/\n__pycache__/\n")
        self.write("CHANGELOG.md", CHANGELOG)
        self.write("scripts/test_wheel.sh", "#!/bin/sh\necho $@ > dist/tested\n")
        self.git("remote", "add", "origin", str(self.origin))
        self.commit_and_push()

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def git(self, *arguments):
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout.strip()

    def commit_and_push(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Change")
        self.git("push", "--quiet", "origin", "main")

    def release(self, *options):
        command = [sys.executable, "scripts/release.py", *options]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, check=False, capture_output=True, text=True, timeout=120
        )

    def tags_at_origin(self):
        return self.git("ls-remote", "--tags", "--refs", "origin").split()[1::2]


@pytest.fixture
def clone(tmp_path, index):
    return Clone(tmp_path, index)


@pytest.fixture
def ready(clone):
    """A clone whose version and changelog are those of a release."""
    prepared = clone.release("--prepare", NEW)
    assert prepared.returncode == 0, prepared.stderr
    clone.commit_and_push()
    return clone


def test_preparing_writes_the_version_and_dates_the_section_of_the_changelog(clone):
    assert clone.release("--prepare", NEW).returncode == 0
    assert f'__version__ = "{NEW}"' in (clone.folder / "conductor" / "_version.py").read_text()
    text = (clone.folder / "CHANGELOG.md").read_text()
    dated = rf"## \[Unreleased\]\n\n## \[{NEW}\] - \d{{4}}-\d\d-\d\d\n\n### Added\n\n- A cure"
    assert re.search(dated, text)


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-beta"])
def test_a_version_that_an_index_would_change_is_refused(clone, version):
    refused = clone.release("--prepare", version)
    assert (refused.returncode, refused.stderr) == (
        1,
        f"release: {version!r} is no version such as 1.2.3 or 1.2.3rc1\n",
    )


def test_each_reason_against_a_release_is_named_at_once(clone):
    clone.write("README.md", "changed")
    clone.git("commit", "--quiet", "--all", "--message", "Not pushed")
    clone.write("README.md", "changed again")
    refused = clone.release()
    assert refused.returncode == 1
    for reason in ("the working tree has changes", "HEAD is not in origin/main", "[Unreleased] has entries", "DATE'"):
        assert reason in refused.stderr
    assert not (clone.folder / "dist").exists()


def test_a_dry_run_builds_and_tests_and_lets_nothing_out(ready, index):
    done = ready.release()
    assert done.returncode == 0, done.stderr
    assert "A dry run" in done.stdout
    assert "audit: it could not run: " in done.stdout
    assert ready.tested.read_text() == "--built\n"
    assert (index.uploaded, ready.tags_at_origin(), ready.git("tag")) == ([], [], "")
    sbom = json.loads((ready.folder / "dist" / f"conductor_worker-{NEW}.cdx.json").read_text())
    assert sbom["metadata"]["component"]["version"] == NEW
    assert {"msgspec", "urllib3", "click", "opentelemetry-api"} <= {each["name"] for each in sbom["components"]}
    assert "pytest" not in {each["name"] for each in sbom["components"]}


def test_publishing_pushes_the_tag_and_uploads_the_files(ready, index):
    done = ready.release("--publish")
    assert done.returncode == 0, done.stderr
    assert ready.tags_at_origin() == [f"refs/tags/v{NEW}"]
    assert ready.git("rev-parse", f"v{NEW}^{{commit}}") == ready.git("rev-parse", "HEAD")
    assert set(index.uploaded) == FILES
    assert ready.tested.exists()
    again = ready.release("--publish")
    assert again.returncode == 1
    assert f"the tag v{NEW} is there already" in again.stderr
    assert len(index.uploaded) == len(FILES)


def test_after_half_an_upload_the_printed_command_uploads_the_rest(ready, index):
    index.refused = f"conductor_worker-{NEW}-py3-none-any.whl"
    stopped = ready.release("--publish")
    assert stopped.returncode == 1
    assert f"conductor_worker-{NEW}.tar.gz was uploaded; the tag v{NEW} is pushed" in stopped.stderr
    assert index.uploaded == [f"conductor_worker-{NEW}.tar.gz"]
    index.refused = None
    command = re.search(r"upload the rest: .venv/bin/python (.*)", stopped.stderr)[1].split()
    subprocess.run([sys.executable, *command], cwd=ready.folder, env=ready.environment, check=True, capture_output=True)
    assert set(index.uploaded) == FILES


def test_no_file_is_uploaded_if_the_tag_cannot_be_pushed(ready, index):
    hook = ready.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    stopped = ready.release("--publish")
    assert stopped.returncode == 1
    assert "git push" in stopped.stderr
    assert (index.uploaded, ready.git("tag")) == ([], "")


def test_a_known_vulnerability_stops_the_release(ready, index, tmp_path):
    """The service's answer is given by a module in the place of pip-audit, because no test asks the service."""
    answer = {"dependencies": [{"name": "urllib3", "version": "1.0", "vulns": [{"id": "CVE-1"}]}]}
    (tmp_path / "pip_audit.py").write_text(f"print({json.dumps(json.dumps(answer))})\n")
    ready.environment["PYTHONPATH"] = str(tmp_path)
    stopped = ready.release("--publish")
    assert "audit: urllib3 1.0: CVE-1" in stopped.stdout
    assert (stopped.returncode, stopped.stderr.splitlines()[-1]) == (
        1,
        "release: a package that is installed with this one has a known vulnerability",
    )
    assert (index.uploaded, ready.tags_at_origin()) == ([], [])


def test_no_file_is_uploaded_if_the_test_of_the_wheel_fails(clone, index):
    clone.write("scripts/test_wheel.sh", "#!/bin/sh\nexit 3\n")
    clone.release("--prepare", NEW)
    clone.commit_and_push()
    stopped = clone.release("--publish")
    assert (stopped.returncode, stopped.stderr.splitlines()[-1]) == (
        1,
        "release: this failed with status 3: scripts/test_wheel.sh --built",
    )
    assert (index.uploaded, clone.tags_at_origin()) == ([], [])


def test_no_file_is_uploaded_if_the_checkout_changes_while_the_tests_run(clone, index):
    clone.write("scripts/test_wheel.sh", "#!/bin/sh\necho changed > README.md\n")
    clone.release("--prepare", NEW)
    clone.commit_and_push()
    stopped = clone.release("--publish")
    assert (stopped.returncode, stopped.stderr.splitlines()[-1]) == (
        1,
        "release: the checkout or dist/ changed while the tests ran",
    )
    assert (index.uploaded, clone.tags_at_origin()) == ([], [])


@pytest.mark.parametrize("other", [["--skip-tests"], ["--prepare", NEW]])
def test_publishing_goes_with_no_other_option(ready, index, other):
    refused = ready.release("--publish", *other)
    assert refused.returncode == 2
    assert "not allowed with argument" in refused.stderr
    assert index.uploaded == []
