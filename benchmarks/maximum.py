"""How many requests the task server answers in a second: it must not be the limit when workers are measured."""

from __future__ import annotations

import select
import socket
import time
from urllib.parse import urlsplit

from benchmarks.server.settings import ServerSettings
from benchmarks.server_process import ServerProcess

CONNECTIONS = 32
POLL = b"GET /api/tasks/poll/batch/bench_0?count=1&timeout=100&workerid=w HTTP/1.1\r\nHost: x\r\n\r\n"
RESULT = b'{"taskId":"0-%d","workflowInstanceId":"w","status":"COMPLETED","workerId":"w","outputData":{}}'
UPDATE = (
    b"POST /api/tasks/update-v2 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


def requests_per_second(seconds: float) -> tuple[float, float]:
    """On 32 connections, one update-v2 after each poll; and how much of a core the server used meanwhile."""
    with ServerProcess(ServerSettings()) as server:
        before = server.stats()
        _ask(server.url, seconds)
        after = server.stats()
    took = after.at - before.at
    return (after.requests - before.requests) / took, (after.cpu - before.cpu) / took


def _ask(url: str, seconds: float) -> None:
    """A client that is cheaper than the server: it does not look at the answers."""
    address = urlsplit(url)
    clients = [socket.create_connection((address.hostname or "", address.port or 0)) for _ in range(CONNECTIONS)]
    epoll = select.epoll()
    by_descriptor = {client.fileno(): client for client in clients}
    for client in clients:
        epoll.register(client, select.EPOLLIN)
        client.sendall(POLL)
    number, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for descriptor, _ in epoll.poll(1):
            client = by_descriptor[descriptor]
            client.recv(65_536)
            if number % 2:
                client.send(POLL)
            else:
                result = RESULT % (number // 2)
                client.send(UPDATE % (len(result), result))
            number += 1
    for client in clients:
        client.close()
