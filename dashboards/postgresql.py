"""PostgreSQL: connections, transactions, cache, locks, size."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import new_dashboard, stat, timeseries
from dashboards._queries import Query, increase, rate, ratio

# The databases that every server has.
OURS = 'datname!~"template.*|"'


def dashboard() -> Dashboard:
    return (
        new_dashboard(
            "atlas-postgresql",
            "PostgreSQL",
            "PostgreSQL: connections, transactions, locks, size.",
            service_from="pg_up",
        )
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "PostgreSQL",
                "Whether the exporter reaches the server.",
                "none",
                Query("min(pg_up{SERVICE_SELECTOR})", "up"),
                value_mappings={"0": "DOWN", "1": "up"},
                no_value="unknown",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Connections of the limit",
                "At 100% new connections are refused.",
                "percentunit",
                Query(
                    "max(sum by (service) (pg_stat_database_numbackends{SERVICE_SELECTOR})"
                    + " / max by (service) (pg_settings_max_connections{SERVICE_SELECTOR}))",
                    "used",
                ),
                steps=[(0.8, "orange"), (0.95, "red")],
                no_value="unknown",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Deadlocks",
                "In the chosen time.",
                "short",
                Query(increase("pg_stat_database_deadlocks"), "deadlocks"),
                steps=[(1, "red")],
                no_value="unknown",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Longest transaction",
                "A transaction open for long holds locks and keeps dead rows from being removed.",
                "s",
                Query("max(pg_stat_activity_max_tx_duration{SERVICE_SELECTOR})", "longest"),
                steps=[(60, "orange"), (600, "red")],
                no_value="unknown",
                width=6,
            )
        )
        .with_row(Row("Work"))
        .with_panel(
            timeseries(
                "Transactions",
                "Ended well and taken back, a second.",
                "ops",
                Query(rate("pg_stat_database_xact_commit", "datname", OURS), "{{datname}} committed"),
                Query(rate("pg_stat_database_xact_rollback", "datname", OURS), "{{datname}} rolled back"),
            )
        )
        .with_panel(
            timeseries(
                "Cache hit rate",
                "Share of blocks read from memory. Below 99% for long: too little memory, or scans of whole tables.",
                "percentunit",
                Query(
                    ratio(
                        rate("pg_stat_database_blks_hit", "datname", OURS),
                        rate("pg_stat_database_blks_hit", "datname", OURS)
                        + " + "
                        + rate("pg_stat_database_blks_read", "datname", OURS),
                    ),
                    "{{datname}}",
                ),
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "Rows",
                "Rows returned and changed, a second.",
                "ops",
                Query(rate("pg_stat_database_tup_fetched", where=OURS), "fetched"),
                Query(rate("pg_stat_database_tup_inserted", where=OURS), "inserted"),
                Query(rate("pg_stat_database_tup_updated", where=OURS), "updated"),
                Query(rate("pg_stat_database_tup_deleted", where=OURS), "deleted"),
            )
        )
        .with_row(Row("Limits"))
        .with_panel(
            timeseries(
                "Connections",
                "By database, and the limit of the server.",
                "short",
                Query(f"sum by (datname) (pg_stat_database_numbackends{{SERVICE_SELECTOR, {OURS}}})", "{{datname}}"),
                Query("max(pg_settings_max_connections{SERVICE_SELECTOR})", "limit"),
            )
        )
        .with_panel(
            timeseries(
                "Locks",
                "Held or awaited, by mode.",
                "short",
                Query(f"sum by (mode) (pg_locks_count{{SERVICE_SELECTOR, {OURS}}}) > 0", "{{mode}}"),
                stacked=True,
            )
        )
        .with_panel(
            timeseries(
                "Size",
                "Of each database on disk.",
                "bytes",
                Query(f"sum by (datname) (pg_database_size_bytes{{SERVICE_SELECTOR, {OURS}}})", "{{datname}}"),
            )
        )
    )
