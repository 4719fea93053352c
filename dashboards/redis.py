"""Redis: memory, load, keys, and the pub/sub side that carries the event bus. The panel of the alert RedisSaturation."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import new_dashboard, stat, timeseries
from dashboards._queries import Query, increase, rate, ratio


def dashboard() -> Dashboard:
    return (
        new_dashboard("atlas-redis", "Redis", "Redis: memory, commands, keys, pub/sub.", service_from="redis_up")
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Redis",
                "Whether the exporter reaches Redis.",
                "none",
                Query("min(redis_up{SERVICE_SELECTOR})", "up"),
                value_mappings={"0": "DOWN", "1": "up"},
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Memory in use",
                "RedisSaturation fires above 80% for 10 minutes. Without maxmemory there is no limit to compare with.",
                "percentunit",
                Query(
                    "max(redis_memory_used_bytes{SERVICE_SELECTOR} / (redis_memory_max_bytes{SERVICE_SELECTOR} > 0))",
                    "used",
                ),
                steps=[(0.8, "orange"), (0.95, "red")],
                no_value="no maxmemory",
            )
        )
        .with_panel(
            stat(
                "Clients",
                "Connected clients.",
                "short",
                Query("sum(redis_connected_clients{SERVICE_SELECTOR})", "clients"),
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Evicted keys",
                "Keys thrown out for want of memory in the chosen time.",
                "short",
                Query(increase("redis_evicted_keys_total"), "evicted"),
                steps=[(1, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Hit rate",
                "Share of reads that find their key.",
                "percentunit",
                Query(
                    ratio(
                        increase("redis_keyspace_hits_total"),
                        increase("redis_keyspace_hits_total") + " + " + increase("redis_keyspace_misses_total"),
                    ),
                    "hits",
                ),
                no_value="no reads",
            )
        )
        .with_panel(
            stat(
                "Up for",
                "Time since Redis started.",
                "s",
                Query("min(redis_uptime_in_seconds{SERVICE_SELECTOR})", "up for"),
                no_value="unknown",
            )
        )
        .with_row(Row("Memory and keys"))
        .with_panel(
            timeseries(
                "Memory",
                "In use, and the limit where one is set.",
                "bytes",
                Query("sum by (service) (redis_memory_used_bytes{SERVICE_SELECTOR})", "{{service}} used"),
                Query("max by (service) (redis_memory_max_bytes{SERVICE_SELECTOR} > 0)", "{{service}} limit"),
            )
        )
        .with_panel(
            timeseries(
                "Memory of maxmemory",
                "RedisSaturation fires above the line for 10 minutes.",
                "percentunit",
                Query(
                    "redis_memory_used_bytes{SERVICE_SELECTOR} / (redis_memory_max_bytes{SERVICE_SELECTOR} > 0)",
                    "{{service}}",
                ),
                steps=[(0.8, "orange")],
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "Keys",
                "Keys in each database.",
                "short",
                Query("sum by (service, db) (redis_db_keys{SERVICE_SELECTOR}) > 0", "{{service}} {{db}}"),
            )
        )
        .with_row(Row("Load"))
        .with_panel(
            timeseries(
                "Commands",
                "Commands a second.",
                "ops",
                Query(rate("redis_commands_processed_total", "service"), "{{service}}"),
            )
        )
        .with_panel(
            timeseries(
                "Time per command",
                "Mean time that Redis spends on a command; the five slowest.",
                "s",
                Query(
                    "topk(5, "
                    + ratio(rate("redis_commands_duration_seconds_total", "cmd"), rate("redis_commands_total", "cmd"))
                    + ")",
                    "{{cmd}}",
                ),
            )
        )
        .with_panel(
            timeseries(
                "Evicted, expired, refused",
                "Keys a second, and connections refused for being too many.",
                "ops",
                Query(rate("redis_evicted_keys_total"), "evicted"),
                Query(rate("redis_expired_keys_total"), "expired"),
                Query(rate("redis_rejected_connections_total"), "connections refused"),
            )
        )
        .with_row(Row("Clients and pub/sub"))
        .with_panel(
            timeseries(
                "Clients",
                "Connected, and those that wait in a blocking command.",
                "short",
                Query("sum by (service) (redis_connected_clients{SERVICE_SELECTOR})", "{{service}} connected"),
                Query("sum by (service) (redis_blocked_clients{SERVICE_SELECTOR})", "{{service}} blocked"),
            )
        )
        .with_panel(
            timeseries(
                "Channels with subscribers",
                "A message on a channel without a subscriber is lost at once.",
                "short",
                Query("sum by (service) (redis_pubsub_channels{SERVICE_SELECTOR})", "{{service}} channels"),
                Query("sum by (service) (redis_pubsub_patterns{SERVICE_SELECTOR})", "{{service}} patterns"),
            )
        )
        .with_panel(
            timeseries(
                "Network",
                "Bytes a second in and out.",
                "Bps",
                Query(rate("redis_net_input_bytes_total", "service"), "{{service}} in"),
                Query(rate("redis_net_output_bytes_total", "service"), "{{service}} out"),
            )
        )
    )
