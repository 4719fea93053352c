"""Message queue: RabbitMQ as its own plugin sees it. Server-named queues come and go, so nothing here is by queue."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import board, graph, stat
from dashboards._queries import Query, increase, rate


def dashboard() -> Dashboard:
    return (
        board("atlas-queues", "Message queue", "RabbitMQ: messages, consumers, losses, resources.")
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Ready",
                "Messages that wait for a consumer.",
                "short",
                Query("sum(rabbitmq_queue_messages_ready{PLACE})", "ready"),
                nothing="unknown",
            )
        )
        .with_panel(
            stat(
                "Not acknowledged",
                "Messages delivered, but not yet confirmed.",
                "short",
                Query("sum(rabbitmq_queue_messages_unacked{PLACE})", "unacknowledged"),
                nothing="unknown",
            )
        )
        .with_panel(
            stat(
                "Consumers",
                "Subscriptions on all queues. None: every message is dropped or waits.",
                "short",
                Query("sum(rabbitmq_queue_consumers{PLACE})", "consumers"),
                nothing="unknown",
            )
        )
        .with_panel(
            stat(
                "Dropped",
                "Messages that no queue took in the chosen time: nobody was subscribed.",
                "short",
                Query(increase("rabbitmq_global_messages_unroutable_dropped_total", scope="PLACE"), "dropped"),
                steps=[(1, "red")],
                nothing="unknown",
            )
        )
        .with_panel(
            stat(
                "Connections",
                "Open connections of clients.",
                "short",
                Query("sum(rabbitmq_connections{PLACE})", "connections"),
                nothing="unknown",
            )
        )
        .with_panel(
            stat(
                "Memory of its limit",
                "At 100% the broker blocks everyone who publishes.",
                "percentunit",
                Query(
                    "max(rabbitmq_process_resident_memory_bytes{PLACE} / rabbitmq_resident_memory_limit_bytes{PLACE})",
                    "used",
                ),
                steps=[(0.8, "orange"), (0.95, "red")],
                nothing="unknown",
            )
        )
        .with_row(Row("Messages"))
        .with_panel(
            graph(
                "In and out",
                "Messages a second. Out is more than in where several subscribe.",
                "ops",
                Query(rate("rabbitmq_global_messages_received_total", scope="PLACE"), "published"),
                Query(rate("rabbitmq_global_messages_routed_total", scope="PLACE"), "put into queues"),
                Query(rate("rabbitmq_global_messages_delivered_total", scope="PLACE"), "delivered"),
                Query(rate("rabbitmq_global_messages_acknowledged_total", scope="PLACE"), "acknowledged"),
            )
        )
        .with_panel(
            graph(
                "Backlog",
                "Messages in all queues.",
                "short",
                Query("sum(rabbitmq_queue_messages_ready{PLACE})", "ready"),
                Query("sum(rabbitmq_queue_messages_unacked{PLACE})", "not acknowledged"),
                stacked=True,
            )
        )
        .with_panel(
            graph(
                "Dropped for want of a subscriber",
                "Messages a second. The bus does not keep what nobody listens to.",
                "ops",
                Query(rate("rabbitmq_global_messages_unroutable_dropped_total", scope="PLACE"), "dropped"),
            )
        )
        .with_row(Row("Broker"))
        .with_panel(
            graph(
                "Connections, channels, consumers",
                "A step down is a service that went away.",
                "short",
                Query("sum(rabbitmq_connections{PLACE})", "connections"),
                Query("sum(rabbitmq_channels{PLACE})", "channels"),
                Query("sum(rabbitmq_queue_consumers{PLACE})", "consumers"),
            )
        )
        .with_panel(
            graph(
                "Memory",
                "Of each node, and where it blocks publishers.",
                "bytes",
                Query("rabbitmq_process_resident_memory_bytes{PLACE}", "{{pod}}"),
                Query("max(rabbitmq_resident_memory_limit_bytes{PLACE})", "limit"),
            )
        )
        .with_panel(
            graph(
                "Disk free",
                "Below the limit the broker blocks everyone who publishes.",
                "bytes",
                Query("rabbitmq_disk_space_available_bytes{PLACE}", "{{pod}}"),
                Query("max(rabbitmq_disk_space_available_limit_bytes{PLACE})", "limit"),
            )
        )
    )
