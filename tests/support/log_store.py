"""The log store of a stack, asked in LogQL whichever it is, by its own API."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from catalog.log_queries import Count, parse_log_query
from catalog.log_stores import LogStore
from catalog.logsql import labels_of, to_logsql
from tests.support.http_json import Answer
from tests.support.promql import filled

Record = tuple[dict[str, str], str]
"""Labels and structured metadata under Loki's names, and the line."""


@dataclass(frozen=True)
class LogStoreClient:
    """``ask`` gets a path with the parameters of its query."""

    store: LogStore
    ask: Callable[[str, Mapping[str, str]], Answer]

    def lines(self, query: str, limit: int = 5000) -> list[Record]:
        """The records of the last hour, newest first."""
        return self.own_lines(query if self.store == "loki" else to_logsql(query), limit)

    def own_lines(self, query: str, limit: int = 5000) -> list[Record]:
        """The same by a query in the store's own language."""
        bounds = {"start": str(time.time_ns() - 3600 * 10**9), "limit": str(limit)}
        if self.store == "loki":
            streams = self._answer("/loki/api/v1/query_range", query, bounds).json["data"]["result"]
            found = [(at, stream["stream"], line) for stream in streams for at, line in stream["values"]]
        else:
            answer = self._answer("/select/logsql/query", query, bounds)
            records: list[dict[str, str]] = [json.loads(each) for each in answer.text.splitlines()]
            found = [(_sortable(each["_time"]), labels_of(each), each.get("_msg", "")) for each in records]
        return [(labels, line) for _, labels, line in sorted(found, key=lambda each: each[0], reverse=True)]

    def counts(self, query: str) -> list[tuple[dict[str, str], float]]:
        """What a query that counts gives now, each series with its value."""
        if self.store == "loki":
            answer = self._answer("/loki/api/v1/query", query, {})
        else:
            answer = self._answer("/select/logsql/stats_query", to_logsql(query), {})
        return [(labels_of(each["metric"]), float(each["value"][1])) for each in answer.json["data"]["result"]]

    def drawn(self, query: str, start: float, end: float, step: int) -> int:
        """How many streams or series a panel shows between two moments (Unix seconds), with a point each ``step`` seconds."""
        bounds = {"start": f"{start:.0f}", "end": f"{end:.0f}", "step": f"{step}s"}
        if self.store == "loki":
            return len(self._answer("/loki/api/v1/query_range", filled(query), bounds).json["data"]["result"])
        logsql = filled(to_logsql(query))
        if isinstance(parse_log_query(query), Count):
            return len(self._answer("/select/logsql/stats_query_range", logsql, bounds).json["data"]["result"])
        answer = self._answer("/select/logsql/query", logsql, bounds | {"limit": "500"})
        return len({json.loads(each)["_stream"] for each in answer.text.splitlines()})

    def _answer(self, path: str, query: str, more: Mapping[str, str]) -> Answer:
        answer = self.ask(path, {"query": query, **more})
        assert answer.status == 200, f"{query}\n{answer.text}"
        return answer


def _sortable(moment: str) -> str:
    """A time of RFC 3339 without the zone, in nanoseconds: the fraction is as long as it has to be, or left out."""
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}"
