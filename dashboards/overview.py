"""Overview: the page for three in the morning. Is it us? Which service? Since when?"""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import (
    CHOSEN_LOGS,
    ERRORS,
    WARNINGS,
    log_lines,
    log_rates,
    new_dashboard,
    stat,
    table,
    timeseries,
)
from dashboards._queries import FAILED, NO_STREAMS, Query, quantile, rate, ratio

BY_ALERT = "max by (severity, alertname, service)"
FIRING = 'ALERTS{alertstate="firing", severity=~"critical|warning"}'


def dashboard() -> Dashboard:
    return (
        new_dashboard("atlas-overview", "Overview", "Is it us? Which service? Since when?", service_from="up")
        .with_row(Row("Is it us?"))
        .with_panel(
            stat(
                "Environment",
                "Where these figures come from.",
                "none",
                Query("group by (environment) (up{ENVIRONMENT_SELECTOR})", "{{environment}}"),
                named=True,
                no_value="no data: see the runbook Watchdog",
            )
        )
        .with_panel(
            stat(
                "Critical alerts",
                "Firing now. Each has its runbook.",
                "short",
                Query('count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)', "critical"),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Warnings",
                "Firing now. Each has its runbook.",
                "short",
                Query('count(ALERTS{alertstate="firing", severity="warning"}) or vector(0)', "warning"),
                steps=[(1, "orange")],
            )
        )
        .with_panel(
            stat(
                "Targets down",
                "Pods that Prometheus cannot scrape, of all that it knows.",
                "short",
                Query("count(up{SERVICE_SELECTOR} == 0) or vector(0)", "down"),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Alerting",
                "Watchdog fires all the time. If it does not, silence means nothing.",
                "none",
                Query('count(ALERTS{alertname="Watchdog", alertstate="firing"}) or vector(0)', "alerting"),
                value_mappings={"0": "DEAD"},
                otherwise="works",
            )
        )
        .with_panel(
            stat(
                "Kill switch",
                "Engaged stops all new orders. Off is only to be believed while the event bus works.",
                "none",
                Query("max(atlas_kill_switch{ENVIRONMENT_SELECTOR})", "kill switch"),
                value_mappings={"0": "off", "1": "ENGAGED"},
                steps=[(1, "red")],
                no_value="unknown",
            )
        )
        .with_row(Row("Since when?"))
        .with_panel(
            table(
                "Firing alerts",
                "How long each condition has held. The runbook has the alert's name.",
                "s",
                Query(f"{BY_ALERT} (time() - ALERTS_FOR_STATE) and {BY_ALERT} ({FIRING})"),
            )
        )
        .with_panel(
            timeseries(
                "Alerts over time",
                "What fired first is often nearest to the cause.",
                "short",
                Query(f"count by (alertname, service) ({FIRING})", "{{alertname}} {{service}}"),
                stacked=True,
                width=12,
            )
        )
        .with_row(Row("Which service?"))
        .with_panel(
            timeseries(
                "Pods up",
                "Scrape targets that answer. A step down is a crash, a roll-out or a lost node.",
                "short",
                Query("sum by (service) (up{SERVICE_SELECTOR})", "{{service}}"),
            )
        )
        .with_panel(
            timeseries(
                "Error rate",
                "Share of requests that end in 4xx or 5xx. HighErrorRate fires above the line for 5 minutes.",
                "percentunit",
                Query(
                    ratio(rate("http_requests_total", "service", FAILED), rate("http_requests_total", "service")),
                    "{{service}}",
                ),
                steps=[(0.05, "red")],
            )
        )
        .with_panel(
            timeseries(
                "p95 response time",
                "Event streams left out. HighLatency fires above the line (200 ms) for 5 minutes. Points are traces.",
                "s",
                Query(
                    quantile(0.95, "http_request_duration_seconds_bucket", "service", NO_STREAMS),
                    "{{service}}",
                    exemplars=True,
                ),
                steps=[(0.2, "orange")],
            )
        )
        .with_panel(
            timeseries(
                "Requests",
                "Requests a second. A fall to zero is an outage before the service, or of it.",
                "reqps",
                Query(rate("http_requests_total", "service"), "{{service}}"),
            )
        )
        .with_panel(
            timeseries(
                "Orders processed",
                "Orders a second, by outcome.",
                "ops",
                Query(rate("atlas_order_processing_seconds_count", "outcome"), "{{outcome}}"),
            )
        )
        .with_panel(
            timeseries(
                "Event bus lag p95",
                "From publishing to handling.",
                "s",
                Query(quantile(0.95, "atlas_event_bus_lag_seconds_bucket", "topic"), "{{topic}}", exemplars=True),
            )
        )
        .with_row(Row("What it leans on"))
        .with_panel(
            timeseries(
                "Redis memory",
                "RedisSaturation fires above the line for 10 minutes.",
                "percentunit",
                Query(
                    "redis_memory_used_bytes{ENVIRONMENT_SELECTOR}"
                    " / (redis_memory_max_bytes{ENVIRONMENT_SELECTOR} > 0)",
                    "{{service}}",
                ),
                steps=[(0.8, "orange")],
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "PostgreSQL connections",
                "Share of the server's limit.",
                "percentunit",
                Query(
                    "sum by (service) (pg_stat_database_numbackends{ENVIRONMENT_SELECTOR})"
                    + " / max by (service) (pg_settings_max_connections{ENVIRONMENT_SELECTOR})",
                    "{{service}}",
                ),
                steps=[(0.8, "orange")],
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "RabbitMQ backlog",
                "Messages that wait for a consumer.",
                "short",
                Query("sum by (service) (rabbitmq_queue_messages_ready{ENVIRONMENT_SELECTOR})", "{{service}}"),
            )
        )
        .with_row(Row("Logs"))
        .with_panel(
            log_rates(
                "Errors and warnings",
                "Lines a second by service. Who began to complain first?",
                f"sum by (service_name) (rate({CHOSEN_LOGS} | {WARNINGS} [$__auto]))",
                "{{service_name}}",
                width=24,
            )
        )
        .with_panel(
            log_lines(
                "Errors",
                "Log lines of the chosen services at level error or above; a line's trace_id leads to its trace.",
                f"{CHOSEN_LOGS} | {ERRORS}",
            )
        )
    )
