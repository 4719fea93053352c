"""Event bus: what the services publish and handle, and how far behind they are; the broker is in ``queues.py``."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import distribution, new_dashboard, timeseries
from dashboards._queries import Query, increase, quantile, rate, ratio


def dashboard() -> Dashboard:
    return (
        new_dashboard(
            "atlas-bus",
            "Event bus",
            "Events between the services: flow and lag.",
            service_from="atlas_events_consumed_total",
        )
        .with_row(Row("Lag (from publishing to handling)"))
        .with_panel(
            timeseries(
                "Lag p50",
                "Half of the events are handled sooner. Points are traces.",
                "s",
                Query(
                    quantile(0.5, "atlas_event_bus_lag_seconds_bucket", "topic"),
                    "{{topic}}",
                    exemplars=True,
                ),
            )
        )
        .with_panel(
            timeseries(
                "Lag p95",
                "One event in twenty is handled later. Points are traces.",
                "s",
                Query(
                    quantile(0.95, "atlas_event_bus_lag_seconds_bucket", "topic"),
                    "{{topic}}",
                    exemplars=True,
                ),
            )
        )
        .with_panel(
            distribution(
                "Lag",
                "How many events fall into each lag.",
                increase("atlas_event_bus_lag_seconds_bucket", "le", over="$__rate_interval"),
                width=8,
            )
        )
        .with_panel(
            timeseries(
                "Lag p95 by service",
                "Who is behind.",
                "s",
                Query(quantile(0.95, "atlas_event_bus_lag_seconds_bucket", "service"), "{{service}}", exemplars=True),
                width=24,
            )
        )
        .with_row(Row("Flow"))
        .with_panel(
            timeseries(
                "Published",
                "Events a second, by topic.",
                "ops",
                Query(rate("atlas_events_published_total", "topic", selector="ENVIRONMENT_SELECTOR"), "{{topic}}"),
            )
        )
        .with_panel(
            timeseries(
                "Handled",
                "Events a second, by topic. Each subscriber of a topic counts.",
                "ops",
                Query(rate("atlas_events_consumed_total", "topic", selector="ENVIRONMENT_SELECTOR"), "{{topic}}"),
            )
        )
        .with_panel(
            timeseries(
                "Handled per published",
                "How many subscribers handle an event. A step down is a subscriber gone; at 0 events are lost: the bus keeps none.",
                "none",
                Query(
                    ratio(
                        rate("atlas_events_consumed_total", "topic", selector="ENVIRONMENT_SELECTOR"),
                        rate("atlas_events_published_total", "topic", selector="ENVIRONMENT_SELECTOR"),
                    ),
                    "{{topic}}",
                ),
            )
        )
    )
