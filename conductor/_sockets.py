"""A plain socket's time limit and state, by options of Linux instead of polls.

A poll gives the interpreter's lock away, and the thread waits for its return while other threads are busy.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

_HAS_OPTIONS = sys.platform == "linux" and sys.maxsize > 2**32  # 32-bit systems disagree about the size of a time
_ESTABLISHED = 1  # this state and the places below: struct tcp_info of linux/tcp.h
_STATE, _BYTES_RECEIVED, _END = 0, 128, 136


def has_options(opened: Any) -> bool:
    """Whether the functions below work. They do not with TLS, nor with the sockets of gevent in place of Python's."""
    return _HAS_OPTIONS and type(opened).__module__ == socket.__name__


def set_limit(opened: Any, seconds: float) -> None:
    """Let each later send and receive take so long at most. It raises BlockingIOError then.

    A signal with a handler in Python lets the time begin anew, because Python repeats the call (PEP 475).
    """
    if opened.gettimeout() is not None:
        opened.settimeout(None)
    microseconds = max(1, round(seconds * 1e6))  # 0 would mean no limit
    limit = struct.pack("@ll", *divmod(microseconds, 1_000_000))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def is_quiet(opened: Any, read: int) -> bool:
    """Whether the connection is open, and no bytes have come but the ``read`` ones.

    False if it is not known: before Linux 4.1 and in some sandboxes.
    """
    if sys.platform != "linux":  # for the type checker; ``has_options`` says so too
        return False
    try:
        info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _END)
    except OSError:
        return False
    return bool(info[_STATE] == _ESTABLISHED and info[_BYTES_RECEIVED:_END] == read.to_bytes(8, sys.byteorder))
