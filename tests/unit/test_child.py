"""A worker process that cannot be watched."""

import os
import threading
from pathlib import Path

import pytest

from conductor.supervision.child import Child
from conductor.supervision.place import Place
from conductor.supervision.reports import Reports


def test_a_process_for_which_the_system_has_no_thread_is_killed_and_tried_again(monkeypatch, caplog):
    pids = []

    def refuse(thread):
        pids.append(int(thread.name.removeprefix("conductor-child-")))
        raise RuntimeError("can't start new thread")

    def start(number):
        return Child(["sh", "-c", "exec sleep 60"], [], number, Reports(1), lambda: None)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    place = Place(1, start, Reports(1), 30.0, is_finite=False, waits_for_change=False)
    opened = sorted(Path("/dev/fd").iterdir())
    place.look()
    assert place.child is None
    assert not place.has_ended
    assert "process 1 cannot be started, and is tried again in" in caplog.text
    assert "can't start new thread" in caplog.text
    assert sorted(Path("/dev/fd").iterdir()) == opened
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
