#!/usr/bin/env bash
# VictoriaLogs 1.52.1 answers 200 to an OTLP request whose record is longer than 2 MiB, stores nothing of that record, and no counter of
# dropped rows moves: a sender and a dashboard both see success. One would expect a partial success of OTLP, or a counter.
#
# Needs Go, Python 3.11 with venv, curl, and the registries of Go and PyPI. Fails if any of this changes.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  chmod -R u+w "$folder" && rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install opentelemetry-proto==1.30.0
printf 'module finding\n\ngo 1.26\n' >go.mod
go get github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.1 >/dev/null 2>&1
go build -o victoria-logs github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
./victoria-logs -httpListenAddr="127.0.0.1:$port" -storageDataPath=data >log 2>&1 &
server=$!
url=http://127.0.0.1:$port
curl --silent --retry 60 --retry-delay 1 --retry-connrefused "$url/health" >/dev/null

venv/bin/python - <<'PY'
import time
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

request = ExportLogsServiceRequest()
group = request.resource_logs.add()
group.resource.attributes.add(key="service.name").value.string_value = "finding"
records = group.scope_logs.add().log_records
for text in ("short", "x" * (3 << 20)):
    records.add(time_unix_nano=time.time_ns()).body.string_value = text
Path("request").write_bytes(request.SerializeToString())
PY
status=$(curl --silent --output answer --write-out '%{http_code}' --header 'Content-Type: application/x-protobuf' \
  --data-binary @request "$url/insert/opentelemetry/v1/logs")

found=
for _ in $(seq 60); do
  found=$(curl --silent "$url/select/logsql/query" --data-urlencode 'query=* | stats count() rows | fields rows')
  [[ $found != *'"1"'* ]] || break
  sleep 1
done
dropped=$(curl --silent "$url/metrics" | awk '/^vl_rows_dropped_total/ {sum += $2} END {print sum + 0}')

echo "answer $status with $(stat -c %s answer) bytes; stored: $found; rows dropped by its counters: $dropped"
[[ $status == 200 && $(stat -c %s answer) == 0 && $found == *'"rows":"1"'* && $dropped == 0 ]]
