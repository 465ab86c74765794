"""Which changes of files count, with a real watcher."""

import threading

import pytest

from conductor.cli.reload import on_change
from support.waiting import eventually


@pytest.fixture
def folder(tmp_path):
    """A project in a hidden folder, which must not hide the whole project."""
    folder = tmp_path / ".tox" / "project"
    for each in ("package", ".hidden/package", "venv/lib/site-packages"):
        (folder / each).mkdir(parents=True)
    return folder


def test_files_of_virtual_environments_and_hidden_folders_do_not_count(folder):
    changed = threading.Event()

    def write(name):
        (folder / name).write_text("")
        return changed.wait(0.5)

    with on_change(changed.set, folder):
        eventually(lambda: write("package/own.py"))  # it is watched from now on
        changed.clear()
        for name in (".hidden/package/other.py", "venv/lib/site-packages/other.py", "package/own.txt", ".temporary.py"):
            assert not write(name), name
        assert write("own.py") or changed.wait(20)
