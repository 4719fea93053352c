"""Objectives: how fast the error budgets of the services and of the event bus burn. The panels of the alerts on them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import new_dashboard, stat, timeseries
from dashboards._queries import Query


def burn(window: str) -> str:
    """How many times as often as its objective allows each fails, over a window."""
    return f"atlas:slo:errors:ratio{window} / on (slo) (1 - atlas:slo:objective)"


def dashboard() -> Dashboard:
    return (
        new_dashboard("atlas-objectives", "Objectives", "Service level objectives and their error budgets.", hours=24)
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Met over three days",
                "The share of requests without a 5xx, and of events handled within a second.",
                "percentunit",
                Query("1 - atlas:slo:errors:ratio3d", "{{slo}}"),
                width=8,
                no_value="no traffic",
            )
        )
        .with_panel(
            stat(
                "Objectives",
                "The share that each has to meet: `slo` in a service's entry. An objective that is missing here has no alert.",
                "percentunit",
                Query("atlas:slo:objective", "{{slo}}"),
                width=8,
                no_value="none: see GeneratedRulesMissing",
            )
        )
        .with_panel(
            stat(
                "Alerts on objectives",
                "ErrorBudgetBurnsFast and ErrorBudgetBurnsSlowly.",
                "short",
                Query('count(ALERTS{alertstate="firing", alertname=~"ErrorBudgetBurns.+"}) or vector(0)', "alerts"),
                steps=[(1, "red")],
                width=8,
            )
        )
        .with_row(Row("Burn rate: 1 uses the budget up in 30 days"))
        .with_panel(
            timeseries(
                "Fast, by the hour",
                "ErrorBudgetBurnsFast wants more than 14.4 over an hour and over five minutes.",
                "none",
                Query(burn("1h"), "{{slo}} 1h"),
                Query(burn("5m"), "{{slo}} 5m"),
                steps=[(14.4, "red")],
            )
        )
        .with_panel(
            timeseries(
                "Fast, by six hours",
                "ErrorBudgetBurnsFast wants more than 6 over six hours and over half an hour.",
                "none",
                Query(burn("6h"), "{{slo}} 6h"),
                Query(burn("30m"), "{{slo}} 30m"),
                steps=[(6, "red")],
            )
        )
        .with_panel(
            timeseries(
                "Slow, by three days",
                "ErrorBudgetBurnsSlowly wants more than 1 over three days and over six hours.",
                "none",
                Query(burn("3d"), "{{slo}} 3d"),
                Query(burn("6h"), "{{slo}} 6h"),
                steps=[(1, "orange")],
            )
        )
        .with_row(Row("What is counted"))
        .with_panel(
            timeseries(
                "Counted",
                "Requests and events a second.",
                "ops",
                Query("atlas:slo:all:rate5m", "{{slo}}"),
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "Bad",
                "Requests that end in a 5xx, and events handled more than a second late, a second.",
                "ops",
                Query("atlas:slo:bad:rate5m", "{{slo}}"),
                width=12,
            )
        )
        .with_row(Row("As clients see it"))
        .with_panel(
            timeseries(
                "Probes",
                "Whether each health page answers (ServiceUnreachable, ProbeFailing).",
                "bool",
                Query("max by (service) (probe_success{ENVIRONMENT_SELECTOR})", "{{service}}"),
                maximum=1,
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "Time of a probe",
                "How long each health page takes to answer (ProbeSlow).",
                "s",
                Query("max by (service) (probe_duration_seconds{ENVIRONMENT_SELECTOR})", "{{service}}"),
                steps=[(1, "orange")],
                width=12,
            )
        )
    )
