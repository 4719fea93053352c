"""Message queue: RabbitMQ as its own plugin sees it. Server-named queues come and go, so nothing here is by queue."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import new_dashboard, stat, timeseries
from dashboards._queries import Query, increase, rate


def dashboard() -> Dashboard:
    return (
        new_dashboard("atlas-queues", "Message queue", "RabbitMQ: messages, consumers, losses, resources.")
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Ready",
                "Messages that wait for a consumer.",
                "short",
                Query("sum(rabbitmq_queue_messages_ready{ENVIRONMENT_SELECTOR})", "ready"),
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Not acknowledged",
                "Messages delivered, but not yet confirmed.",
                "short",
                Query("sum(rabbitmq_queue_messages_unacked{ENVIRONMENT_SELECTOR})", "unacknowledged"),
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Consumers",
                "Subscriptions on all queues. None: every message is dropped or waits.",
                "short",
                Query("sum(rabbitmq_queue_consumers{ENVIRONMENT_SELECTOR})", "consumers"),
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Dropped",
                "Messages that no queue took in the chosen time: nobody was subscribed.",
                "short",
                Query(
                    increase("rabbitmq_global_messages_unroutable_dropped_total", selector="ENVIRONMENT_SELECTOR"),
                    "dropped",
                ),
                steps=[(1, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Connections",
                "Open connections of clients.",
                "short",
                Query("sum(rabbitmq_connections{ENVIRONMENT_SELECTOR})", "connections"),
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Memory of its limit",
                "At 100% the broker blocks everyone who publishes.",
                "percentunit",
                Query(
                    "max(rabbitmq_process_resident_memory_bytes{ENVIRONMENT_SELECTOR}"
                    " / rabbitmq_resident_memory_limit_bytes{ENVIRONMENT_SELECTOR})",
                    "used",
                ),
                steps=[(0.8, "orange"), (0.95, "red")],
                no_value="unknown",
            )
        )
        .with_row(Row("Messages"))
        .with_panel(
            timeseries(
                "In and out",
                "Messages a second. Out is more than in where several subscribe.",
                "ops",
                Query(rate("rabbitmq_global_messages_received_total", selector="ENVIRONMENT_SELECTOR"), "published"),
                Query(
                    rate("rabbitmq_global_messages_routed_total", selector="ENVIRONMENT_SELECTOR"), "put into queues"
                ),
                Query(rate("rabbitmq_global_messages_delivered_total", selector="ENVIRONMENT_SELECTOR"), "delivered"),
                Query(
                    rate("rabbitmq_global_messages_acknowledged_total", selector="ENVIRONMENT_SELECTOR"), "acknowledged"
                ),
            )
        )
        .with_panel(
            timeseries(
                "Backlog",
                "Messages in all queues.",
                "short",
                Query("sum(rabbitmq_queue_messages_ready{ENVIRONMENT_SELECTOR})", "ready"),
                Query("sum(rabbitmq_queue_messages_unacked{ENVIRONMENT_SELECTOR})", "not acknowledged"),
                stacked=True,
            )
        )
        .with_panel(
            timeseries(
                "Dropped for want of a subscriber",
                "Messages a second. The bus does not keep what nobody listens to.",
                "ops",
                Query(
                    rate("rabbitmq_global_messages_unroutable_dropped_total", selector="ENVIRONMENT_SELECTOR"),
                    "dropped",
                ),
            )
        )
        .with_row(Row("Broker"))
        .with_panel(
            timeseries(
                "Connections, channels, consumers",
                "A step down is a service that went away.",
                "short",
                Query("sum(rabbitmq_connections{ENVIRONMENT_SELECTOR})", "connections"),
                Query("sum(rabbitmq_channels{ENVIRONMENT_SELECTOR})", "channels"),
                Query("sum(rabbitmq_queue_consumers{ENVIRONMENT_SELECTOR})", "consumers"),
            )
        )
        .with_panel(
            timeseries(
                "Memory",
                "Of each node, and where it blocks publishers.",
                "bytes",
                Query("rabbitmq_process_resident_memory_bytes{ENVIRONMENT_SELECTOR}", "{{pod}}"),
                Query("max(rabbitmq_resident_memory_limit_bytes{ENVIRONMENT_SELECTOR})", "limit"),
            )
        )
        .with_panel(
            timeseries(
                "Disk free",
                "Below the limit the broker blocks everyone who publishes.",
                "bytes",
                Query("rabbitmq_disk_space_available_bytes{ENVIRONMENT_SELECTOR}", "{{pod}}"),
                Query("max(rabbitmq_disk_space_available_limit_bytes{ENVIRONMENT_SELECTOR})", "limit"),
            )
        )
    )
