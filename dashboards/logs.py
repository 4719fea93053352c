"""Logs: how much each service writes, at which level, and the lines themselves."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import CHOSEN_LOGS, WARNINGS, log_lines, log_rates, new_dashboard


def dashboard() -> Dashboard:
    return (
        new_dashboard(
            "atlas-logs", "Logs", "Log lines of the services, with the way to their traces.", service_from="up", hours=1
        )
        .with_row(Row("Volume"))
        .with_panel(
            log_rates(
                "Lines by service",
                "Lines a second.",
                f"sum by (service_name) (rate({CHOSEN_LOGS} [$__auto]))",
                "{{service_name}}",
            )
        )
        .with_panel(
            log_rates(
                "Lines by level",
                "Lines a second.",
                f"sum by (detected_level) (rate({CHOSEN_LOGS} [$__auto]))",
                "{{detected_level}}",
            )
        )
        .with_row(Row("Lines"))
        .with_panel(
            log_lines(
                "Errors and warnings",
                "At level warning or above. Open a line to see its fields; trace_id leads to its trace.",
                f"{CHOSEN_LOGS} | {WARNINGS}",
            )
        )
        .with_panel(
            log_lines(
                "Lines that belong to a trace",
                "Every level, only lines written while a trace was open.",
                f'{CHOSEN_LOGS} | trace_id != ""',
            )
        )
        .with_panel(log_lines("All lines", "Every level.", CHOSEN_LOGS, height=14))
    )
