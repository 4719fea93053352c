"""Backtests: jobs known, running, done and failed, and how long they take. Each run pushes its own figures by OTLP."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import CHOSEN_LOGS, distribution, log_lines, new_dashboard, stat, timeseries
from dashboards._queries import Query, over_runs

RUN_TIMES = over_runs("atlas_backtest_duration_seconds_bucket", "le", over="1h")


def dashboard() -> Dashboard:
    return (
        new_dashboard(
            "atlas-backtests",
            "Backtests",
            "Status of the backtest jobs.",
            service_from="atlas_backtest_jobs",
            otlp=True,
            hours=24,
        )
        .with_row(Row("Jobs"))
        .with_panel(
            stat(
                "Known",
                "Backtest jobs that run, or ended in the last five minutes.",
                "short",
                Query("sum(atlas_backtest_jobs{OTLP_SERVICE_SELECTOR})", "known"),
                no_value="none",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Running",
                "Backtest jobs at work now.",
                "short",
                Query("sum(atlas_backtest_jobs_running{OTLP_SERVICE_SELECTOR})", "running"),
                no_value="none",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Completed",
                "Jobs that ended well in the chosen time.",
                "short",
                Query(over_runs("atlas_backtest_jobs_completed_total"), "completed"),
                no_value="none",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Failed",
                "Jobs that ended badly in the chosen time.",
                "short",
                Query(over_runs("atlas_backtest_jobs_failed_total"), "failed"),
                steps=[(1, "red")],
                no_value="none",
                width=6,
            )
        )
        .with_panel(
            timeseries(
                "Running and known",
                "What is known and not running has ended in the five minutes before.",
                "short",
                Query("sum(atlas_backtest_jobs{OTLP_SERVICE_SELECTOR})", "known"),
                Query("sum(atlas_backtest_jobs_running{OTLP_SERVICE_SELECTOR})", "running"),
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "Completed and failed an hour",
                "Jobs that ended in the hour before.",
                "short",
                Query(over_runs("atlas_backtest_jobs_completed_total", over="1h"), "completed"),
                Query(over_runs("atlas_backtest_jobs_failed_total", over="1h"), "failed"),
                width=12,
            )
        )
        .with_row(Row("Duration"))
        .with_panel(
            distribution(
                "Run times",
                "How many jobs fall into each duration.",
                over_runs("atlas_backtest_duration_seconds_bucket", "le", over="$__rate_interval"),
            )
        )
        .with_panel(
            timeseries(
                "Run time p50 and p95",
                "Over the hour before.",
                "s",
                Query(f"histogram_quantile(0.5, {RUN_TIMES})", "p50", exemplars=True),
                Query(f"histogram_quantile(0.95, {RUN_TIMES})", "p95", exemplars=True),
                width=12,
            )
        )
        .with_row(Row("Logs"))
        .with_panel(
            log_lines(
                "What the jobs say",
                "All log lines of the backtester; a line's trace_id leads to its trace.",
                CHOSEN_LOGS,
            )
        )
    )
