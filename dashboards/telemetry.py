"""Telemetry: does what shows us everything else work? Collector, Prometheus, Loki, and the trace of the spans."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import board, graph, stat
from dashboards._queries import Query, increase, quantile, rate, ratio

SIGNALS = {"spans": "spans", "metric_points": "metrics", "log_records": "logs"}


def _by_signal(series: str, label: str = "") -> list[Query]:
    """A line a signal for one of the Collector's counters, which has a series of its own for each."""
    legend = f" {{{{{label}}}}}" if label else ""
    return [
        Query(rate(f"otelcol_{series}_{items}_total", label), f"{signal}{legend}") for items, signal in SIGNALS.items()
    ]


def dashboard() -> Dashboard:
    return (
        board(
            "atlas-telemetry",
            "Telemetry",
            "Collector, Prometheus and Loki: flow, queues, losses.",
            service_from="otelcol_process_uptime_seconds_total",
        )
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Fullest export queue",
                "CollectorQueueFilling fires above 70% for 5 minutes.",
                "percentunit",
                Query(
                    "max(otelcol_exporter_queue_size{SCOPE} / (otelcol_exporter_queue_capacity{SCOPE} > 0))", "queue"
                ),
                steps=[(0.7, "orange"), (0.95, "red")],
                nothing="unknown",
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
                "Lines discarded by Loki",
                "In the chosen time.",
                "short",
                Query(increase("loki_discarded_samples_total", scope="PLACE") + " or vector(0)", "lines"),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Rules that fail",
                "Evaluations that failed in the chosen time.",
                "short",
                Query(increase("prometheus_rule_evaluation_failures_total", scope="PLACE"), "failures"),
                steps=[(1, "red")],
                nothing="unknown",
            )
        )
        .with_panel(
            stat(
                "Configuration",
                "Whether Prometheus runs on its newest configuration and rules.",
                "none",
                Query("min(prometheus_config_last_reload_successful{PLACE})", "configuration"),
                words={"0": "OLD", "1": "current"},
                nothing="unknown",
            )
        )
        .with_row(Row("Collector"))
        .with_panel(
            graph(
                "Received", "Items a second that the Collector has taken in.", "cps", *_by_signal("receiver_accepted")
            )
        )
        .with_panel(
            graph(
                "Sent on", "Items a second that a store has confirmed.", "cps", *_by_signal("exporter_sent", "exporter")
            )
        )
        .with_panel(
            graph(
                "Export queues",
                "Share in use. CollectorQueueFilling fires above the line for 5 minutes.",
                "percentunit",
                Query(
                    "otelcol_exporter_queue_size{SCOPE} / (otelcol_exporter_queue_capacity{SCOPE} > 0)",
                    "{{pod}} {{exporter}}",
                ),
                steps=[(0.7, "orange")],
                most=1,
            )
        )
        .with_panel(
            graph(
                "Refused",
                "Items a second turned away at the door; senders try again.",
                "cps",
                *_by_signal("receiver_refused", "receiver"),
            )
        )
        .with_panel(
            graph(
                "Turned away by full queues",
                "Items a second; senders try again.",
                "cps",
                *_by_signal("exporter_enqueue_failed", "exporter"),
            )
        )
        .with_panel(
            graph(
                "Lost",
                "Items a second that a store has refused for good.",
                "cps",
                *_by_signal("exporter_send_failed", "exporter"),
            )
        )
        .with_panel(
            graph(
                "Collector memory",
                "Resident memory of each pod.",
                "bytes",
                Query("otelcol_process_memory_rss_bytes{SCOPE}", "{{pod}}"),
                width=12,
            )
        )
        .with_panel(
            graph(
                "Collector cpu",
                "Cores in use of each pod.",
                "cores",
                Query("rate(otelcol_process_cpu_seconds_total{SCOPE}[$__rate_interval])", "{{pod}}"),
                width=12,
            )
        )
        .with_row(Row("Prometheus"))
        .with_panel(
            graph(
                "Samples stored",
                "Samples a second. PrometheusNotIngesting fires at zero.",
                "cps",
                Query(rate("prometheus_tsdb_head_samples_appended_total", "pod", scope="PLACE"), "{{pod}}"),
            )
        )
        .with_panel(
            graph(
                "Series in memory",
                "A step up is a label with many values.",
                "short",
                Query("prometheus_tsdb_head_series{PLACE}", "{{pod}}"),
            )
        )
        .with_panel(
            graph(
                "Room of the retention by size",
                "Share in use; at 100% the oldest blocks go.",
                "percentunit",
                Query(
                    "prometheus_tsdb_storage_blocks_bytes{PLACE} / (prometheus_tsdb_retention_limit_bytes{PLACE} > 0)",
                    "{{pod}}",
                ),
                most=1,
            )
        )
        .with_panel(
            graph(
                "Targets that answer",
                "Share of each service's targets.",
                "percentunit",
                Query("avg by (service) (up{PLACE})", "{{service}}"),
                most=1,
            )
        )
        .with_panel(
            graph(
                "Samples a scrape",
                "By service. Zero with a target that answers is what TargetGivesNothing watches.",
                "short",
                Query("sum by (service) (scrape_samples_scraped{PLACE})", "{{service}}"),
            )
        )
        .with_panel(
            graph(
                "Scrape duration",
                "The slowest target of each service.",
                "s",
                Query("max by (service) (scrape_duration_seconds{PLACE})", "{{service}}"),
            )
        )
        .with_row(Row("Loki"))
        .with_panel(
            graph(
                "Lines taken in",
                "Log lines a second.",
                "cps",
                Query(rate("loki_distributor_lines_received_total", "pod", scope="PLACE"), "{{pod}}"),
            )
        )
        .with_panel(
            graph(
                "Requests that fail",
                "Share of server errors by route. LokiRequestErrors fires above the line for 5 minutes.",
                "percentunit",
                Query(
                    ratio(
                        rate("loki_request_duration_seconds_count", "route", 'status_code=~"5.."', scope="PLACE"),
                        rate("loki_request_duration_seconds_count", "route", scope="PLACE"),
                    ),
                    "{{route}}",
                ),
                steps=[(0.05, "orange")],
            )
        )
        .with_panel(
            graph(
                "Request p95",
                "By route. Reading takes longer than writing.",
                "s",
                Query(
                    quantile(0.95, "loki_request_duration_seconds_bucket", "route", scope="PLACE"),
                    "{{route}}",
                ),
            )
        )
        .with_panel(
            graph(
                "Discarded lines",
                "Lines a second by reason: these are lost.",
                "cps",
                Query(rate("loki_discarded_samples_total", "reason", scope="PLACE"), "{{reason}}"),
            )
        )
        .with_panel(
            graph(
                "Streams in memory",
                "A step up is an index label with many values.",
                "short",
                Query("sum by (pod) (loki_ingester_memory_streams{PLACE})", "{{pod}}"),
            )
        )
        .with_panel(
            graph(
                "Bytes taken in",
                "Bytes of log a second.",
                "Bps",
                Query(rate("loki_distributor_bytes_received_total", "pod", scope="PLACE"), "{{pod}}"),
            )
        )
        .with_row(Row("Traces"))
        .with_panel(
            graph(
                "Spans by service",
                "Counted before sampling, so the rates are exact.",
                "cps",
                Query(rate("traces_span_metrics_calls_total", "service_name", scope=""), "{{service_name}}"),
                width=12,
            )
        )
        .with_panel(
            graph(
                "Failed spans by service",
                "Share of spans with an error status. Sampling keeps every one of them.",
                "percentunit",
                Query(
                    ratio(
                        rate(
                            "traces_span_metrics_calls_total",
                            "service_name",
                            'status_code="STATUS_CODE_ERROR"',
                            scope="",
                        ),
                        rate("traces_span_metrics_calls_total", "service_name", scope=""),
                    ),
                    "{{service_name}}",
                ),
                width=12,
            )
        )
    )
