"""Event bus: what the services publish and handle, and how far behind they are; the broker is in `queues.py`."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import board, distribution, graph
from dashboards._queries import Query, increase, quantile, rate, ratio


def dashboard() -> Dashboard:
    return (
        board(
            "atlas-bus",
            "Event bus",
            "Events between the services: flow and lag.",
            service_from="atlas_events_consumed_total",
        )
        .with_row(Row("Lag (from publishing to handling)"))
        .with_panel(
            graph(
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
            graph(
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
            graph(
                "Lag p95 by service",
                "Who is behind.",
                "s",
                Query(quantile(0.95, "atlas_event_bus_lag_seconds_bucket", "service"), "{{service}}", exemplars=True),
                width=24,
            )
        )
        .with_row(Row("Flow"))
        .with_panel(
            graph(
                "Published",
                "Events a second, by topic.",
                "ops",
                Query(rate("atlas_events_published_total", "topic", scope="PLACE"), "{{topic}}"),
            )
        )
        .with_panel(
            graph(
                "Handled",
                "Events a second, by topic. Each subscriber of a topic counts.",
                "ops",
                Query(rate("atlas_events_consumed_total", "topic", scope="PLACE"), "{{topic}}"),
            )
        )
        .with_panel(
            graph(
                "Handled per published",
                "How many subscribers handle an event. A step down is a subscriber gone; at 0 events are lost: the bus keeps none.",
                "none",
                Query(
                    ratio(
                        rate("atlas_events_consumed_total", "topic", scope="PLACE"),
                        rate("atlas_events_published_total", "topic", scope="PLACE"),
                    ),
                    "{{topic}}",
                ),
            )
        )
    )
