"""Telemetry: does what shows us everything else work? Collector, Prometheus, the log store, and the trace of the spans.

Of the rows of log stores that of the one which is deployed ships.
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from catalog.log_stores import TITLES
from dashboards._panels import new_dashboard, stat, timeseries
from dashboards._queries import Query, increase, quantile, rate, ratio

DISCARDED = "loki_discarded_samples_total|vl_rows_dropped_total"
SIGNALS = {"spans": "spans", "metric_points": "metrics", "log_records": "logs"}


def _by_signal(series: str, label: str = "") -> list[Query]:
    """A line a signal for one of the Collector's counters, which has a series of its own for each."""
    legend = f" {{{{{label}}}}}" if label else ""
    return [
        Query(rate(f"otelcol_{series}_{items}_total", label), f"{signal}{legend}") for items, signal in SIGNALS.items()
    ]


def dashboard() -> Dashboard:
    return (
        new_dashboard(
            "atlas-telemetry",
            "Telemetry",
            "Collector, Prometheus and the log store: flow, queues, losses.",
            service_from="otelcol_process_uptime_seconds_total",
        )
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Fullest export queue",
                "CollectorQueueFilling fires above 70% for 5 minutes.",
                "percentunit",
                Query(
                    "max(otelcol_exporter_queue_size{SERVICE_SELECTOR} / (otelcol_exporter_queue_capacity{SERVICE_SELECTOR} > 0))",
                    "queue",
                ),
                steps=[(0.7, "orange"), (0.95, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Log records lost",
                "In the chosen time: refused for good by the store.",
                "short",
                Query(increase("otelcol_exporter_send_failed_log_records_total") + " or vector(0)", "logs"),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Spans lost",
                "In the chosen time: refused for good by the store.",
                "short",
                Query(increase("otelcol_exporter_send_failed_spans_total") + " or vector(0)", "spans"),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Log records discarded",
                "In the chosen time: refused or dropped by the log store.",
                "short",
                Query(
                    f'sum(increase({{__name__=~"{DISCARDED}", ENVIRONMENT_SELECTOR}}[$__range])) or vector(0)',
                    "records",
                ),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Rules that fail",
                "Evaluations that failed in the chosen time.",
                "short",
                Query(
                    increase("prometheus_rule_evaluation_failures_total", selector="ENVIRONMENT_SELECTOR"), "failures"
                ),
                steps=[(1, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Configuration",
                "Whether Prometheus runs on its newest configuration and rules.",
                "none",
                Query("min(prometheus_config_last_reload_successful{ENVIRONMENT_SELECTOR})", "configuration"),
                value_mappings={"0": "OLD", "1": "current"},
                no_value="unknown",
            )
        )
        .with_row(Row("Collector"))
        .with_panel(
            timeseries(
                "Received", "Items a second that the Collector has taken in.", "cps", *_by_signal("receiver_accepted")
            )
        )
        .with_panel(
            timeseries(
                "Sent on", "Items a second that a store has confirmed.", "cps", *_by_signal("exporter_sent", "exporter")
            )
        )
        .with_panel(
            timeseries(
                "Export queues",
                "Share in use. CollectorQueueFilling fires above the line for 5 minutes.",
                "percentunit",
                Query(
                    "otelcol_exporter_queue_size{SERVICE_SELECTOR} / (otelcol_exporter_queue_capacity{SERVICE_SELECTOR} > 0)",
                    "{{pod}} {{exporter}}",
                ),
                steps=[(0.7, "orange")],
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "Refused",
                "Items a second that the receivers refuse; senders retry.",
                "cps",
                *_by_signal("receiver_refused", "receiver"),
            )
        )
        .with_panel(
            timeseries(
                "Turned away by full queues",
                "Items a second; senders retry.",
                "cps",
                *_by_signal("exporter_enqueue_failed", "exporter"),
            )
        )
        .with_panel(
            timeseries(
                "Lost",
                "Items a second that a store has refused for good.",
                "cps",
                *_by_signal("exporter_send_failed", "exporter"),
            )
        )
        .with_panel(
            timeseries(
                "Changed or left out, by sender",
                "What stores would have refused, a second: records that were cut, moved or given other names, and data points.",
                "cps",
                *(
                    Query(rate(f"otelcol_processor_sanitize_{change}_total", "sender"), f"{change} {{{{sender}}}}")
                    for change in ("cut", "moved", "renamed")
                ),
                Query(
                    rate("otelcol_processor_sanitize_dropped_data_points_total", "sender, reason"),
                    "left out {{sender}} {{reason}}",
                ),
            )
        )
        .with_panel(
            timeseries(
                "Collector memory",
                "Resident memory of each pod.",
                "bytes",
                Query("otelcol_process_memory_rss_bytes{SERVICE_SELECTOR}", "{{pod}}"),
            )
        )
        .with_panel(
            timeseries(
                "Collector cpu",
                "Cores in use of each pod.",
                "cores",
                Query("rate(otelcol_process_cpu_seconds_total{SERVICE_SELECTOR}[$__rate_interval])", "{{pod}}"),
            )
        )
        .with_row(Row("Prometheus"))
        .with_panel(
            timeseries(
                "Samples stored",
                "Samples a second. PrometheusNotIngestingSamples fires at zero.",
                "cps",
                Query(
                    rate("prometheus_tsdb_head_samples_appended_total", "pod", selector="ENVIRONMENT_SELECTOR"),
                    "{{pod}}",
                ),
            )
        )
        .with_panel(
            timeseries(
                "Series in memory",
                "A step up is a label with many values.",
                "short",
                Query("prometheus_tsdb_head_series{ENVIRONMENT_SELECTOR}", "{{pod}}"),
            )
        )
        .with_panel(
            timeseries(
                "Room of the retention by size",
                "Share in use; at 100% the oldest blocks go.",
                "percentunit",
                Query(
                    "prometheus_tsdb_storage_blocks_bytes{ENVIRONMENT_SELECTOR}"
                    " / (prometheus_tsdb_retention_limit_bytes{ENVIRONMENT_SELECTOR} > 0)",
                    "{{pod}}",
                ),
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "Targets that answer",
                "Share of each service's targets.",
                "percentunit",
                Query("avg by (service) (up{ENVIRONMENT_SELECTOR})", "{{service}}"),
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "Samples a scrape",
                "By service. Zero with a target that answers is what TargetReturnsNoSamples watches.",
                "short",
                Query("sum by (service) (scrape_samples_scraped{ENVIRONMENT_SELECTOR})", "{{service}}"),
            )
        )
        .with_panel(
            timeseries(
                "Scrape duration",
                "The slowest target of each service.",
                "s",
                Query("max by (service) (scrape_duration_seconds{ENVIRONMENT_SELECTOR})", "{{service}}"),
            )
        )
        .with_row(Row(TITLES["loki"]))
        .with_panel(
            timeseries(
                "Lines taken in",
                "Log lines a second.",
                "cps",
                Query(rate("loki_distributor_lines_received_total", "pod", selector="ENVIRONMENT_SELECTOR"), "{{pod}}"),
            )
        )
        .with_panel(
            timeseries(
                "Requests that fail",
                "Share of server errors by route. LokiRequestErrors fires above the line for 5 minutes.",
                "percentunit",
                Query(
                    ratio(
                        rate(
                            "loki_request_duration_seconds_count",
                            "route",
                            'status_code=~"5.."',
                            selector="ENVIRONMENT_SELECTOR",
                        ),
                        rate("loki_request_duration_seconds_count", "route", selector="ENVIRONMENT_SELECTOR"),
                    ),
                    "{{route}}",
                ),
                steps=[(0.05, "orange")],
            )
        )
        .with_panel(
            timeseries(
                "Request p95",
                "By route. Reading takes longer than writing.",
                "s",
                Query(
                    quantile(0.95, "loki_request_duration_seconds_bucket", "route", selector="ENVIRONMENT_SELECTOR"),
                    "{{route}}",
                ),
            )
        )
        .with_panel(
            timeseries(
                "Discarded lines",
                "Lines a second by reason: these are lost.",
                "cps",
                Query(rate("loki_discarded_samples_total", "reason", selector="ENVIRONMENT_SELECTOR"), "{{reason}}"),
            )
        )
        .with_panel(
            timeseries(
                "Streams in memory",
                "A step up is an index label with many values.",
                "short",
                Query("sum by (pod) (loki_ingester_memory_streams{ENVIRONMENT_SELECTOR})", "{{pod}}"),
            )
        )
        .with_panel(
            timeseries(
                "Bytes taken in",
                "Bytes of log a second.",
                "Bps",
                Query(rate("loki_distributor_bytes_received_total", "pod", selector="ENVIRONMENT_SELECTOR"), "{{pod}}"),
            )
        )
        .with_row(Row(TITLES["victorialogs"]))
        .with_panel(
            timeseries(
                "Records taken in",
                "Log records a second.",
                "cps",
                Query(rate("vl_rows_ingested_total", "pod", selector="ENVIRONMENT_SELECTOR"), "{{pod}}"),
            )
        )
        .with_panel(
            timeseries(
                "Failed requests",
                "Requests a second that ended in an error, by path.",
                "reqps",
                Query(rate("vl_http_errors_total", "path", selector="ENVIRONMENT_SELECTOR"), "{{path}}"),
            )
        )
        .with_panel(
            timeseries(
                "Query p99",
                "By path, over the last minutes.",
                "s",
                Query(
                    'max by (path) (vl_http_request_duration_seconds{ENVIRONMENT_SELECTOR, quantile="0.99"})',
                    "{{path}}",
                ),
            )
        )
        .with_panel(
            timeseries(
                "Dropped records",
                "Records a second by reason: these are lost.",
                "cps",
                Query(rate("vl_rows_dropped_total", "reason", selector="ENVIRONMENT_SELECTOR"), "{{reason}}"),
            )
        )
        .with_panel(
            timeseries(
                "New streams",
                "Streams a second. Many of them mean that a field of the stream has many values.",
                "cps",
                Query(rate("vl_streams_created_total", "pod", selector="ENVIRONMENT_SELECTOR"), "{{pod}}"),
            )
        )
        .with_panel(
            timeseries(
                "Data on the volume",
                "Bytes of logs and of their index; the retention by size ends it.",
                "bytes",
                Query("sum by (type) (vl_data_size_bytes{ENVIRONMENT_SELECTOR})", "{{type}}"),
            )
        )
        .with_row(Row("Traces"))
        .with_panel(
            timeseries(
                "Spans by service",
                "Counted before sampling, so the rates are exact.",
                "cps",
                Query(rate("traces_span_metrics_calls_total", "service_name", selector=""), "{{service_name}}"),
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "Failed spans by service",
                "Share of spans with an error status. Sampling keeps every one of them.",
                "percentunit",
                Query(
                    ratio(
                        rate(
                            "traces_span_metrics_calls_total",
                            "service_name",
                            'status_code="STATUS_CODE_ERROR"',
                            selector="",
                        ),
                        rate("traces_span_metrics_calls_total", "service_name", selector=""),
                    ),
                    "{{service_name}}",
                ),
                width=12,
            )
        )
    )
