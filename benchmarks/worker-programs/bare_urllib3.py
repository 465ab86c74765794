"""A bare loop on urllib3's pool: polls a batch, posts each result."""

from __future__ import annotations

import bare
import urllib3

HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


class PooledConnection(bare.Connection):
    def get(self, path: str) -> bytes:
        return pool.request("GET", bare.assignment.url + path, headers=HEADERS).data

    def post(self, path: str, body: bytes) -> bytes:
        return pool.request("POST", bare.assignment.url + path, headers=HEADERS, body=body).data


if __name__ == "__main__":
    pool = urllib3.PoolManager(maxsize=bare.assignment.concurrency * len(bare.assignment.task_names))
    bare.run(PooledConnection, bare.poll_and_update)
