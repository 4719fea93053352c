"""Trading safety: kill switch, loss, exposure and open orders against the deployed limits, and whether the figures are alive."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import new_dashboard, stat, timeseries
from dashboards._queries import Query

# Every worker hears every event, so each shows the whole: as in the alerts, of several the largest counts.
LOSS = "-min(atlas_daily_pnl{ENVIRONMENT_SELECTOR})"
EXPOSURE = "sum(max by (product) (abs(atlas_exposure{ENVIRONMENT_SELECTOR})))"
OPEN = "max(atlas_open_orders{ENVIRONMENT_SELECTOR})"
NEAR, OVER = (0.8, "orange"), (1, "red")


def of_limit(value: str, limit: str) -> str:
    """The share of a deployed limit."""
    return f"{value} / on () min(atlas:limit:{limit})"


def dashboard() -> Dashboard:
    return (
        new_dashboard("atlas-safety", "Trading safety", "Limits, kill switch, and whether their figures are alive.")
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Kill switch",
                "KillSwitchEngaged. It begins at off and changes by an event alone: off says nothing while no events arrive.",
                "none",
                Query("max(atlas_kill_switch{ENVIRONMENT_SELECTOR})", "kill switch"),
                steps=[(1, "red")],
                value_mappings={"0": "off", "1": "ENGAGED"},
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Events that reach the workers",
                "A second, by all topics. At 0 the other figures are old (KillSwitchStateUnknown).",
                "ops",
                Query(
                    'sum(rate(atlas_events_consumed_total{ENVIRONMENT_SELECTOR, service="workers"}[$__rate_interval]))',
                    "events",
                ),
                no_value="none",
            )
        )
        .with_panel(
            stat(
                "Day's loss of its limit",
                "DailyLossNearLimit from 80%, DailyLossOverLimit from 100%. Below zero is a gain.",
                "percentunit",
                Query(of_limit(LOSS, "daily_max_loss"), "loss"),
                steps=[NEAR, OVER],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Exposure of its limit",
                "All products, long or short: ExposureNearLimit above 80%, ExposureOverLimit above 100%.",
                "percentunit",
                Query(of_limit(EXPOSURE, "max_exposure"), "exposure"),
                steps=[NEAR, OVER],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Open orders of their limit",
                "OpenOrdersNearLimit above 80%, OpenOrdersOverLimit above 100%.",
                "percentunit",
                Query(of_limit(OPEN, "max_open_orders"), "orders"),
                steps=[NEAR, OVER],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Alerts on trading",
                "Those that fire about limits, the kill switch and frozen figures.",
                "short",
                Query(
                    'count(ALERTS{alertstate="firing", alertname=~"KillSwitch.+|DailyLoss.+|Exposure.+|OpenOrders.+|.+Frozen"})'
                    " or vector(0)",
                    "alerts",
                ),
                steps=[(1, "red")],
            )
        )
        .with_row(Row("Against the limits"))
        .with_panel(
            timeseries(
                "Day's result",
                "The result of the day, and the loss at which trading stops.",
                "none",
                Query("min(atlas_daily_pnl{ENVIRONMENT_SELECTOR})", "result"),
                Query("-min(atlas:limit:daily_max_loss)", "limit"),
                minimum=None,
            )
        )
        .with_panel(
            timeseries(
                "Exposure",
                "By product, long or short, and the limit of all together.",
                "none",
                Query("max by (product) (abs(atlas_exposure{ENVIRONMENT_SELECTOR}))", "{{product}}"),
                Query(EXPOSURE, "all"),
                Query("min(atlas:limit:max_exposure)", "limit"),
            )
        )
        .with_panel(
            timeseries(
                "Open orders",
                "Open orders and their limit. With the kill switch engaged they may only fall (KillSwitchIneffective).",
                "short",
                Query(OPEN, "open"),
                Query(
                    "max(atlas_kill_switch{ENVIRONMENT_SELECTOR}) * on () min(atlas:limit:max_open_orders)",
                    "kill switch",
                ),
                Query("min(atlas:limit:max_open_orders)", "limit"),
            )
        )
        .with_row(Row("Are the figures alive"))
        .with_panel(
            timeseries(
                "New prices",
                "How often each product's price has changed in 10 minutes. One at 0 is PriceFrozen, all at 0 MarketDataFrozen.",
                "short",
                Query("max by (product) (changes(atlas_last_price{ENVIRONMENT_SELECTOR}[10m]))", "{{product}}"),
            )
        )
        .with_panel(
            timeseries(
                "New exposures",
                "How often each product's exposure has changed in 10 minutes (ExposureFrozen).",
                "short",
                Query("max by (product) (changes(atlas_exposure{ENVIRONMENT_SELECTOR}[10m]))", "{{product}}"),
            )
        )
        .with_panel(
            timeseries(
                "Events handled by the workers",
                "A second, by topic.",
                "ops",
                Query(
                    'sum by (topic) (rate(atlas_events_consumed_total{ENVIRONMENT_SELECTOR, service="workers"}[$__rate_interval]))',
                    "{{topic}}",
                ),
            )
        )
    )
