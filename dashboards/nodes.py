"""Nodes, volumes and Kubernetes' objects: what the platform runs on. Figures of nodes come from their agents by OTLP."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards._panels import new_dashboard, stat, table, timeseries
from dashboards._queries import Query

CLAIM = "k8s_namespace_name, k8s_persistentvolumeclaim_name"


def dashboard() -> Dashboard:
    return (
        new_dashboard("atlas-nodes", "Nodes", "Nodes, volumes, pods.")
        .with_row(Row("Now"))
        .with_panel(
            stat(
                "Nodes not ready",
                "KubeNodeNotReady fires after 5 minutes.",
                "short",
                Query(
                    'count(max by (node) (kube_node_status_condition{ENVIRONMENT_SELECTOR, condition="Ready", status="true"}) == 0)'
                    " or vector(0)",
                    "nodes",
                ),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Workloads down",
                "Those that should have pods and have none that is ready (WorkloadDown).",
                "short",
                Query(
                    "count("
                    "(max by (namespace, deployment) (kube_deployment_status_replicas_available{ENVIRONMENT_SELECTOR}) == 0"
                    " and max by (namespace, deployment) (kube_deployment_spec_replicas{ENVIRONMENT_SELECTOR}) > 0)"
                    " or (max by (namespace, statefulset) (kube_statefulset_status_replicas_ready{ENVIRONMENT_SELECTOR}) == 0"
                    " and max by (namespace, statefulset) (kube_statefulset_replicas{ENVIRONMENT_SELECTOR}) > 0)"
                    ") or vector(0)",
                    "workloads",
                ),
                steps=[(1, "red")],
            )
        )
        .with_panel(
            stat(
                "Pods pending",
                "KubePodNotReady fires after 10 minutes.",
                "short",
                Query('sum(kube_pod_status_phase{ENVIRONMENT_SELECTOR, phase="Pending"}) or vector(0)', "pods"),
                steps=[(1, "orange")],
            )
        )
        .with_panel(
            stat(
                "Restarts",
                "Of all containers in the chosen time.",
                "short",
                Query(
                    "sum(increase(kube_pod_container_status_restarts_total{ENVIRONMENT_SELECTOR}[$__range]))",
                    "restarts",
                ),
                steps=[(1, "orange")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Fullest volume",
                "KubePersistentVolumeFillingUp above 70%, VolumeAlmostFull above 85%.",
                "percentunit",
                Query(
                    'max(1 - k8s_volume_available_bytes{OTLP_ENVIRONMENT_SELECTOR, k8s_persistentvolumeclaim_name!=""}'
                    ' / k8s_volume_capacity_bytes{OTLP_ENVIRONMENT_SELECTOR, k8s_persistentvolumeclaim_name!=""})',
                    "used",
                ),
                steps=[(0.7, "orange"), (0.85, "red")],
                no_value="unknown",
            )
        )
        .with_panel(
            stat(
                "Failed jobs",
                "Jobs that have failed in all their tries and are still there (JobFailed).",
                "short",
                Query('sum(kube_job_failed{ENVIRONMENT_SELECTOR, condition="true"}) or vector(0)', "jobs"),
                steps=[(1, "orange")],
            )
        )
        .with_row(Row("Nodes"))
        .with_panel(
            timeseries(
                "Processor",
                "Busy share of all cores. NodeCpuSaturated is above 95% for half an hour.",
                "percentunit",
                Query(
                    "1 - avg by (k8s_node_name)"
                    ' (rate(system_cpu_time_seconds_total{OTLP_ENVIRONMENT_SELECTOR, state="idle"}[$__rate_interval]))',
                    "{{k8s_node_name}}",
                ),
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "Memory",
                "In use, without what the kernel gives back. NodeMemoryHigh fires above 90%.",
                "percentunit",
                Query(
                    'sum by (k8s_node_name) (system_memory_usage_bytes{OTLP_ENVIRONMENT_SELECTOR, state="used"})'
                    " / (sum by (k8s_node_name)"
                    ' (system_memory_usage_bytes{OTLP_ENVIRONMENT_SELECTOR, state=~"used|free|cached|buffered"}) > 0)',
                    "{{k8s_node_name}}",
                ),
                steps=[(0.9, "red")],
                maximum=1,
            )
        )
        .with_panel(
            timeseries(
                "Disk",
                "In use. NodeDiskHigh fires above 85%.",
                "percentunit",
                Query(
                    "1 - min by (k8s_node_name) (k8s_node_filesystem_available_bytes{OTLP_ENVIRONMENT_SELECTOR})"
                    " / max by (k8s_node_name) (k8s_node_filesystem_capacity_bytes{OTLP_ENVIRONMENT_SELECTOR})",
                    "{{k8s_node_name}}",
                ),
                steps=[(0.85, "red")],
                maximum=1,
            )
        )
        .with_row(Row("Volumes and pods"))
        .with_panel(
            timeseries(
                "Volumes",
                "In use, by claim. VolumeAlmostFull fires above 85%.",
                "percentunit",
                Query(
                    f"1 - min by ({CLAIM}) (k8s_volume_available_bytes"
                    f'{{OTLP_ENVIRONMENT_SELECTOR, k8s_persistentvolumeclaim_name!=""}})'
                    f" / max by ({CLAIM}) (k8s_volume_capacity_bytes{{OTLP_ENVIRONMENT_SELECTOR}})",
                    "{{k8s_namespace_name}}/{{k8s_persistentvolumeclaim_name}}",
                ),
                steps=[(0.7, "orange"), (0.85, "red")],
                maximum=1,
                width=12,
            )
        )
        .with_panel(
            timeseries(
                "Memory of pods",
                "The ten that use most, without page cache that can go.",
                "bytes",
                Query(
                    "topk(10, sum by (k8s_namespace_name, k8s_pod_name)"
                    " (container_memory_working_set_bytes{OTLP_ENVIRONMENT_SELECTOR}))",
                    "{{k8s_namespace_name}}/{{k8s_pod_name}}",
                ),
                width=12,
            )
        )
        .with_panel(
            table(
                "Pods that do not run",
                "By phase, other than running and done.",
                "short",
                Query(
                    "max by (namespace, pod, phase)"
                    ' (kube_pod_status_phase{ENVIRONMENT_SELECTOR, phase!~"Running|Succeeded"}) == 1'
                ),
            )
        )
        .with_panel(
            table(
                "Containers that wait",
                "And for what.",
                "short",
                Query(
                    "max by (namespace, pod, container, reason)"
                    " (kube_pod_container_status_waiting_reason{ENVIRONMENT_SELECTOR}) == 1"
                ),
            )
        )
    )
