"""Requests as they are on the wire, with no client of ours in between."""

import json

import urllib3

JSON = "application/json"


class Rest:
    """Plain requests, no client of ours in between."""

    def __init__(self, url):
        self._url = url
        self._pool = urllib3.PoolManager(retries=False)

    def __call__(self, method, path, body=None, /, **query):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        url = self._url + path
        if query:
            url += "?" + "&".join(f"{name}={value}" for name, value in query.items())
        headers = {"Content-Type": JSON} if body is not None else {}
        answer = self._pool.request(method, url, body=body, headers=headers, timeout=30)
        answer.media_type = answer.headers.get("Content-Type", "").split(";")[0]
        return answer
