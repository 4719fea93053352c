"""PostgreSQL: connections, transactions, cache, locks, size."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import board, graph, stat
from dashboards._queries import Query, increase, rate, ratio

# The databases that every server has.
OURS = 'datname!~"template.*|"'


def dashboard() -> Dashboard:
    return (
        board(
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
                Query("min(pg_up{SCOPE})", "up"),
                words={"0": "DOWN", "1": "up"},
                nothing="unknown",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Connections of the limit",
                "At 100% new connections are refused.",
                "percentunit",
                Query(
                    "max(sum by (service) (pg_stat_database_numbackends{SCOPE})"
                    + " / max by (service) (pg_settings_max_connections{SCOPE}))",
                    "used",
                ),
                steps=[(0.8, "orange"), (0.95, "red")],
                nothing="unknown",
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
                nothing="unknown",
                width=6,
            )
        )
        .with_panel(
            stat(
                "Longest transaction",
                "A transaction open for long holds locks and keeps dead rows from being removed.",
                "s",
                Query("max(pg_stat_activity_max_tx_duration{SCOPE})", "longest"),
                steps=[(60, "orange"), (600, "red")],
                nothing="unknown",
                width=6,
            )
        )
        .with_row(Row("Work"))
        .with_panel(
            graph(
                "Transactions",
                "Ended well and taken back, a second.",
                "ops",
                Query(rate("pg_stat_database_xact_commit", "datname", OURS), "{{datname}} committed"),
                Query(rate("pg_stat_database_xact_rollback", "datname", OURS), "{{datname}} rolled back"),
            )
        )
        .with_panel(
            graph(
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
                most=1,
            )
        )
        .with_panel(
            graph(
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
            graph(
                "Connections",
                "By database, and the limit of the server.",
                "short",
                Query(f"sum by (datname) (pg_stat_database_numbackends{{SCOPE, {OURS}}})", "{{datname}}"),
                Query("max(pg_settings_max_connections{SCOPE})", "limit"),
            )
        )
        .with_panel(
            graph(
                "Locks",
                "Held or awaited, by mode.",
                "short",
                Query(f"sum by (mode) (pg_locks_count{{SCOPE, {OURS}}}) > 0", "{{mode}}"),
                stacked=True,
            )
        )
        .with_panel(
            graph(
                "Size",
                "Of each database on disk.",
                "bytes",
                Query(f"sum by (datname) (pg_database_size_bytes{{SCOPE, {OURS}}})", "{{datname}}"),
            )
        )
    )
