"""Workers: what they process, how long it takes, and the figures that keep trading safe."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import CHOSEN_LOGS, WARNINGS, log_lines, new_dashboard, stat, timeseries
from dashboards._queries import Query, quantile, rate


def dashboard() -> Dashboard:
    return (
        new_dashboard(
            "atlas-workers",
            "Workers",
            "Throughput and trading figures of the workers.",
            service_from="atlas_open_orders",
        )
        .with_row(Row("Safety"))
        .with_panel(
            stat(
                "Kill switch",
                "Engaged stops all new orders. Off is only to be believed while the event bus works.",
                "none",
                Query("max by (service) (atlas_kill_switch{SERVICE_SELECTOR})", "{{service}}"),
                value_mappings={"0": "off", "1": "ENGAGED"},
                steps=[(1, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Open orders",
                "Orders that wait at the exchange.",
                "short",
                Query("sum by (service) (atlas_open_orders{SERVICE_SELECTOR})", "{{service}}"),
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Open orders of the limit",
                "Share of the deployed limit that is in use.",
                "percentunit",
                Query("sum(atlas_open_orders{SERVICE_SELECTOR}) / scalar(min(atlas:limit:max_open_orders))", "used"),
                steps=[(0.8, "orange"), (1, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Profit and loss today",
                "In quote currency.",
                "short",
                Query("sum by (service) (atlas_daily_pnl{SERVICE_SELECTOR})", "{{service}}"),
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Daily loss of the limit",
                "Share of the deployed daily loss limit that is used up; 0 while in profit.",
                "percentunit",
                Query(
                    "clamp_min(-sum(atlas_daily_pnl{SERVICE_SELECTOR}), 0) / scalar(min(atlas:limit:daily_max_loss))",
                    "used",
                ),
                steps=[(0.8, "orange"), (1, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Exposure",
                "Sum over all products, long and short alike, in quote currency.",
                "short",
                Query("sum by (service) (abs(atlas_exposure{SERVICE_SELECTOR}))", "{{service}}"),
                no_value="unknown",
            )
        )
        .with_row(Row("Throughput"))
        .with_panel(
            timeseries(
                "Orders processed",
                "Orders a second, by outcome.",
                "ops",
                Query(rate("atlas_order_processing_seconds_count", "service, outcome"), "{{service}} {{outcome}}"),
                stacked=True,
            )
        )
        .with_panel(
            timeseries(
                "Order processing p50",
                "Half of the orders take less. Points are traces.",
                "s",
                Query(
                    quantile(0.5, "atlas_order_processing_seconds_bucket", "service"),
                    "{{service}}",
                    exemplars=True,
                ),
            )
        )
        .with_panel(
            timeseries(
                "Order processing p95",
                "One order in twenty takes longer. Points are traces.",
                "s",
                Query(
                    quantile(0.95, "atlas_order_processing_seconds_bucket", "service"),
                    "{{service}}",
                    exemplars=True,
                ),
            )
        )
        .with_panel(
            timeseries(
                "Events handled",
                "Events from the bus a second, by topic. A line at zero while others move is a lost subscription.",
                "ops",
                Query(rate("atlas_events_consumed_total", "service, topic"), "{{service}} {{topic}}"),
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "Events published",
                "Events to the bus a second, by topic.",
                "ops",
                Query(rate("atlas_events_published_total", "service, topic"), "{{service}} {{topic}}"),
                width=12,
            )
        )
        .with_row(Row("Trading"))
        .with_panel(
            timeseries(
                "Exposure by product",
                "In quote currency; below zero is short.",
                "short",
                Query("sum by (product) (atlas_exposure{SERVICE_SELECTOR})", "{{product}}"),
                minimum=None,
            )
        )
        .with_panel(
            timeseries(
                "Profit and loss today, and its limit",
                "In quote currency. At the limit the workers stop trading.",
                "short",
                Query("sum by (service) (atlas_daily_pnl{SERVICE_SELECTOR})", "{{service}}"),
                Query("-min(atlas:limit:daily_max_loss)", "limit"),
                minimum=None,
            )
        )
        .with_panel(
            timeseries(
                "Open orders, and their limit",
                "The limit is the deployed one.",
                "short",
                Query("sum by (service) (atlas_open_orders{SERVICE_SELECTOR})", "{{service}}"),
                Query("min(atlas:limit:max_open_orders)", "limit"),
            )
        )
        .with_panel(
            timeseries(
                "Last price, relative to its mean",
                "1 is the mean of the chosen time. A line without any movement is a dead feed, not a calm market.",
                "none",
                Query(
                    "max by (product) (atlas_last_price{SERVICE_SELECTOR})"
                    + " / max by (product) (avg_over_time(atlas_last_price{SERVICE_SELECTOR}[$__range]))",
                    "{{product}}",
                ),
                width=24,
                minimum=None,
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
