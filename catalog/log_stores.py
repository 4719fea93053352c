"""Dashboards and data sources for the log store that an environment has.

Both are written for Loki. For VictoriaLogs every query is translated; where there is no store that Grafana can ask, the panels of
logs are left out, and rows and dashboards of which nothing is left.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from catalog.log_queries import EACH_STEP, Count, LogQueryError, parse_log_query
from catalog.logsql import legend_of, to_logsql

LogStore: TypeAlias = Literal["loki", "victorialogs"]
"""By whose API logs are asked for. The same name is the uid of Grafana's data source and the label ``service`` of its metrics."""
DATA_SOURCE_TYPES: Mapping[LogStore, str] = {"loki": "loki", "victorialogs": "victoriametrics-logs-datasource"}
TITLES: Mapping[LogStore, str] = {"loki": "Loki", "victorialogs": "VictoriaLogs"}
"""Of the store's data source, and of the row of a dashboard that shows its metrics."""

_Object: TypeAlias = dict[str, Any]


def dashboard_for(document: Mapping[str, Any], store: LogStore | None) -> _Object | None:
    """The dashboard for this store, or None where it shows nothing but logs and there is no store.

    Raises:
        LogQueryError: a query cannot be translated; names the panel.
    """
    panels = [panel for section in _sections(document["panels"]) for panel in _section_for(section, store)]
    if panels == document["panels"]:
        return dict(document)
    if all(_is_row(panel) for panel in panels):
        return None  # of what it had nothing is left
    return {**document, "panels": _closed_up(panels)}


def data_sources_for(text: str, store: LogStore | None) -> str:
    """Grafana's provisioning file with the data source of this store alone, and with the way from a span to its logs."""
    head, *sources = re.split(r"^(?=  - name: )", text, flags=re.MULTILINE)
    others = {f"  - name: {title}\n" for each, title in TITLES.items() if each != store}
    kept = [source for source in sources if not any(source.startswith(other) for other in others)]
    return head + "".join(_linked(source, store) for source in kept)


def _panel_for(panel: _Object, store: LogStore | None) -> _Object | None:
    if _is_row(panel):
        collapsed = cast("list[_Object]", panel.get("panels") or [])
        inner = [found for each in collapsed if (found := _panel_for(each, store)) is not None]
        return {**panel, "panels": inner} if collapsed else panel
    targets = cast("list[_Object]", panel.get("targets") or [])
    asks_loki = [_is_loki(target.get("datasource") or panel.get("datasource")) for target in targets]
    if store == "loki" or not any(asks_loki):
        return panel
    if store is None:
        return None
    try:
        targets = [
            _target_of_victorialogs(target) if of_loki else target
            for target, of_loki in zip(targets, asks_loki, strict=True)
        ]
    except LogQueryError as error:
        raise LogQueryError(f"panel {panel.get('title')!r}: {error}") from error
    source = {"datasource": _reference("victorialogs")} if _is_loki(panel.get("datasource")) else {}
    return {**panel, **source, "targets": targets}


def _is_row(panel: Mapping[str, Any]) -> bool:
    return panel.get("type") == "row"


def _is_loki(source: Any) -> bool:
    return source == "loki" or (isinstance(source, dict) and cast("_Object", source).get("uid") == "loki")


def _reference(store: LogStore) -> dict[str, str]:
    return {"type": DATA_SOURCE_TYPES[store], "uid": store}


def _target_of_victorialogs(target: Mapping[str, Any]) -> _Object:
    """The query as the data source plugin of VictoriaLogs takes it."""
    query, instant = parse_log_query(target.get("expr", "")), target.get("queryType") == "instant"
    if isinstance(query, Count) and not instant and query.range != EACH_STEP:
        what = f"counts {query.range} at each point of a graph"
        raise LogQueryError(f"{what}, which VictoriaLogs cannot; fix: count {EACH_STEP}")
    kind = "instant" if not isinstance(query, Count) else "stats" if instant else "statsRange"
    translated = {
        "datasource": _reference("victorialogs"),
        "editorMode": "code",
        "expr": to_logsql(target["expr"]),
        "queryType": kind,
        "refId": target["refId"],
    }
    if "maxLines" in target:
        translated["maxLines"] = target["maxLines"]
    if "legendFormat" in target:
        translated["legendFormat"] = legend_of(target["legendFormat"])
    return translated


def _sections(panels: Sequence[_Object]) -> list[list[_Object]]:
    """The panels by rows: each row with what is below it, after what is above all of them."""
    sections: list[list[_Object]] = [[]]
    for panel in panels:
        if _is_row(panel):
            sections.append([])
        sections[-1].append(panel)
    return sections


def _section_for(section: list[_Object], store: LogStore | None) -> list[_Object]:
    """A row and its panels for this store: none of the row of another store, and no row that had nothing but logs."""
    if (
        section
        and _is_row(section[0])
        and section[0].get("title") in {TITLES[each] for each in TITLES if each != store}
    ):
        return []
    kept = [found for panel in section if (found := _panel_for(panel, store)) is not None]
    return [] if len(kept) < len(section) and all(_is_row(panel) for panel in kept) else kept


def _closed_up(panels: list[_Object]) -> list[_Object]:
    """The panels moved up over the lines of the grid in which there is none any more."""
    positions: list[_Object] = [panel["gridPos"] for panel in panels]
    taken = {line for each in positions for line in range(each["y"], each["y"] + each["h"])}
    return [
        {**panel, "gridPos": {**position, "y": sum(line < position["y"] for line in taken)}}
        for panel, position in zip(panels, positions, strict=True)
    ]


def _linked(source: str, store: LogStore | None) -> str:
    """A data source whose link to logs leads to this store. Without one it has no such link."""
    link = _TRACES_TO_LOGS.search(source)
    if link is None or store == "loki":
        return source
    if store is None:
        return source[: link.start()] + source[link.end() :]
    query = _QUERY.search(link[0])
    if query is None:
        raise LogQueryError("1:1: the link from a span to its logs has no query in single quotes; fix: add it")
    translated = to_logsql(query[1].replace("''", "'")).replace("'", "''")
    changed = (
        link[0].replace(query[0], f"query: '{translated}'").replace("datasourceUid: loki", f"datasourceUid: {store}")
    )
    return source.replace(link[0], changed)


_TRACES_TO_LOGS = re.compile(r"(?:^      #.*\n)*^      tracesToLogsV2:\n(?:^        .*\n)+", re.MULTILINE)
_QUERY = re.compile(r"query: '((?:[^']|'')*)'")
