"""Recording and replaying HTTP exchanges, without secrets and without this machine's names."""

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import vcr
import yaml

CASSETTES = Path(__file__).parent.parent.parent / "cassettes"
REPLAYED_URL = "http://conductor.example/api"
REDACTED = "REDACTED"
SECRET_MEMBERS = ("keyId", "keySecret", "token")


def cassette(path, recorded_from=None):
    """A context manager: with recorded_from (which server) it records anew, without it replays and connects nowhere."""
    if recorded_from:
        path.unlink(missing_ok=True)
    scrubber = _Scrubber()
    recorder = vcr.VCR(
        record_mode="all" if recorded_from else "none",
        match_on=["method", "host", "path", "query", "body"],
        filter_headers=[("X-Authorization", REDACTED)],
        before_record_request=scrubber.request,
        before_record_response=scrubber.response,
        decode_compressed_response=True,
    )
    recorder.register_serializer("conductor", _Serializer(recorded_from))
    recorder.serializer = "conductor"
    return recorder.use_cassette(str(path))


class _Serializer:
    """YAML that says where it was recorded."""

    def __init__(self, recorded_from):
        self._recorded_from = recorded_from

    def serialize(self, cassette_dict):
        return yaml.safe_dump({"recorded_from": self._recorded_from} | cassette_dict, sort_keys=False, width=120)

    def deserialize(self, text):
        return yaml.safe_load(text)


class _Scrubber:
    """Takes secrets, and the names of the machines, out of what is written; replayed requests go through it too."""

    def __init__(self):
        self._hidden = {socket.gethostname(): "worker-host"}

    def request(self, request):
        host = urlsplit(request.uri).netloc
        request.uri = self._scrub(request.uri.replace(f"//{host}/", f"//{urlsplit(REPLAYED_URL).netloc}/"))
        request.body = request.body and self._scrub(request.body.decode()).encode()
        return request

    def response(self, response):
        response["body"]["string"] = self._scrub(response["body"]["string"].decode()).encode()
        response["headers"] = {"Content-Type": response["headers"].get("Content-Type", [])}
        return response

    def _scrub(self, text):
        """Hides the values of the secret members, here and wherever they appear from now on."""
        for secret in re.findall(rf'"(?:{"|".join(SECRET_MEMBERS)})": ?"([^"]+)"', text):
            self._hidden[secret] = REDACTED
        for hidden, shown in self._hidden.items():
            text = text.replace(hidden, shown)
        return re.sub(r'"instance": ?"[^"]*"', '"instance": "server"', text)  # in errors: the server's host
