#!/usr/bin/env bash
# Write openapi/conductor.json and openapi/SOURCE.json from a real server's OpenAPI document.
set -euo pipefail
cd "$(dirname "$0")/.."

url=$(scripts/conductor_server.sh start)
curl -fsS "${url%/api}/api-docs" | python3 -c '
import datetime, hashlib, json, pathlib, sys

server = sys.argv[1]
document = json.load(sys.stdin)
del document["servers"]  # the address of the machine that fetched it
text = json.dumps(document, indent=1, sort_keys=True) + "\n"
pathlib.Path("openapi/conductor.json").write_text(text)

source = pathlib.Path("openapi/SOURCE.json")
known = json.loads(source.read_text()) if source.exists() else {}
facts = {"server": f"conductor-oss {server}", "sha256": hashlib.sha256(text.encode()).hexdigest()}
if facts.items() <= known.items():
    facts["date"] = known["date"]  # fetched again, and nothing is new
else:
    facts["date"] = datetime.date.today().isoformat()
source.write_text(json.dumps(facts, indent=1) + "\n")
' "$(curl -fsS "$url/version")"
