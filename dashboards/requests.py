"""Requests: how many, how many fail, how long they take. The panels of the alerts HighErrorRate and HighLatency."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import CHOSEN_LOGS, WARNINGS, distribution, log_lines, new_dashboard, table, timeseries
from dashboards._queries import FAILED, NO_STREAMS, Query, increase, quantile, rate, ratio


def dashboard() -> Dashboard:
    return (
        new_dashboard(
            "atlas-requests",
            "Requests",
            "HTTP requests of the services: rate, errors, duration.",
            service_from="http_requests_total",
        )
        .with_row(Row("Rate"))
        .with_panel(
            timeseries(
                "Requests by service",
                "All HTTP requests a second, health checks included.",
                "reqps",
                Query(rate("http_requests_total", "service"), "{{service}}"),
            )
        )
        .with_panel(
            timeseries(
                "Requests by status",
                "The same requests by their HTTP status.",
                "reqps",
                Query(rate("http_requests_total", "status"), "{{status}}"),
                stacked=True,
            )
        )
        .with_panel(
            timeseries(
                "Busiest routes",
                "The ten routes with the most requests.",
                "reqps",
                Query(f"topk(10, {rate('http_requests_total', 'service, route')})", "{{service}} {{route}}"),
            )
        )
        .with_row(Row("Errors"))
        .with_panel(
            timeseries(
                "Error rate by service",
                "Share of requests that end in 4xx or 5xx. HighErrorRate fires above the line for 5 minutes.",
                "percentunit",
                Query(
                    ratio(rate("http_requests_total", "service", FAILED), rate("http_requests_total", "service")),
                    "{{service}}",
                ),
                steps=[(0.05, "red")],
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "Failed requests by status",
                "4xx: the caller is told that it is wrong. 5xx: the service is.",
                "reqps",
                Query(rate("http_requests_total", "service, status", FAILED), "{{service}} {{status}}"),
                stacked=True,
                width=12,
            )
        )
        .with_panel(
            table(
                "Routes that fail most",
                "Failed requests of the chosen time by route, method and status.",
                "short",
                Query(
                    f"topk(20, {increase('http_requests_total', 'service, method, route, status', FAILED)} > 0)",
                ),
                width=24,
            )
        )
        .with_row(Row("Duration (event streams left out)"))
        .with_panel(
            timeseries(
                "p50 by service",
                "Half of the requests take less. Points are traces: click one to open it.",
                "s",
                Query(
                    quantile(0.5, "http_request_duration_seconds_bucket", "service", NO_STREAMS),
                    "{{service}}",
                    exemplars=True,
                ),
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "p95 by service",
                "One request in twenty takes longer. HighLatency fires above the line (200 ms) for 5 minutes.",
                "s",
                Query(
                    quantile(0.95, "http_request_duration_seconds_bucket", "service", NO_STREAMS),
                    "{{service}}",
                    exemplars=True,
                ),
                steps=[(0.2, "orange")],
                width=12,
            )
        )
        .with_panel(
            distribution(
                "Response times",
                "How many requests fall into each duration. Two bands are two kinds of requests; one that climbs is a slow-down.",
                increase("http_request_duration_seconds_bucket", "le", NO_STREAMS, over="$__rate_interval"),
            )
        )
        .with_panel(
            table(
                "Slowest routes",
                "p95 over the chosen time by route.",
                "s",
                Query(
                    "topk(20, "
                    + quantile(
                        0.95, "http_request_duration_seconds_bucket", "service, route", NO_STREAMS, over="$__range"
                    )
                    + " > 0)",
                ),
                steps=[(0.2, "orange")],
            )
        )
        .with_row(Row("Logs"))
        .with_panel(
            log_lines(
                "Errors and warnings",
                "Log lines of the chosen services at level warning or above; a line's trace_id leads to its trace.",
                f"{CHOSEN_LOGS} | {WARNINGS}",
            )
        )
    )
