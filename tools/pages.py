"""Whether a service that is opened has a page, and where it has none, the query that answers the same question."""

from collections.abc import Mapping

from tools import local_http
from tools.ports import LOOPBACK

QUERIES: Mapping[str, str] = {
    "alertmanager": "curl -s http://localhost:{port}/api/v2/alerts",
    "jaeger": "curl -sG http://localhost:{port}/api/traces -d service=api -d lookback=1h -d limit=5",
    "loki": (
        "curl -sG http://localhost:{port}/loki/api/v1/query_range -d limit=20 --data-urlencode 'query={{service_name=~\".+\"}}'"
    ),
    "victorialogs": "curl -s http://localhost:{port}/select/logsql/query -d limit=20 -d 'query=*'",
    "prometheus": "curl -sG http://localhost:{port}/api/v1/query --data-urlencode 'query=up'",
}
"""What people look for first: the alerts, the traces of the api, the newest log lines, and which targets are up."""
PATHS: Mapping[str, str] = {"victorialogs": "/select/vmui/"}
"""Pages that are not at the root."""


def describe(service: str, port: int) -> str:
    """Where a service is that is opened at a local port, with the query where it has no page."""
    url, path = f"http://localhost:{port}", PATHS.get(service, "")
    if service not in QUERIES or has_page(f"http://{LOOPBACK}:{port}{path}"):
        return url + path
    return f"{url} has no page; ask it: {QUERIES[service].format(port=port)}"


def has_page(url: str) -> bool:
    """Whether a service answers with a page that does something: a placeholder has no script."""
    try:
        return b"<script" in local_http.get(f"{url.rstrip('/')}/", timeout=5)
    except OSError:
        return False
