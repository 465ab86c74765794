"""Writes a task as a test case: the arguments of ``conductor.testing.run_worker`` in a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from conductor.replaying.recording import Recording


def save_case(recording: Recording, file: Path) -> None:
    """Write the case as JSON. The file is whole, or stays as it was. Only this user can read it, as its data may be
    confidential.

    OSError: it cannot be written, for example because the disk is full.
    """
    content = msgspec.json.format(msgspec.json.encode(recording.case())) + b"\n"
    target = file.resolve()
    if target.exists() and not target.is_file():  # a pipe or a device, such as /dev/stdout
        target.write_bytes(content)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
        new.replace(target)
    except BaseException:
        new.unlink()
        raise
