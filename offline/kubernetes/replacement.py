"""The fields that cannot change in place: a change of one of them replaces the object.

The API server refuses changes of most of them. The content of ConfigMaps and Secrets is among them by the official plugin's own
rule, so that a change of content reaches the pods.
"""

from offline.kubernetes.cluster import Object
from offline.kubernetes.settings import Settings

Path = tuple[str | int, ...]

_POD = (
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)
_CONTAINER = (
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext "
    "stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)
_VOLUME_SOURCES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)

_FIELDS: dict[tuple[str, str], list[str]] = {
    ("apps", "DaemonSet"): ["spec.selector"],
    ("apps", "Deployment"): ["spec.selector"],
    ("apps", "StatefulSet"): [
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ],
    ("batch", "Job"): ["spec.completions", "spec.parallelism", "spec.selector", "spec.template"],
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ["roleRef"],
    ("rbac.authorization.k8s.io", "RoleBinding"): ["roleRef"],
    ("storage.k8s.io", "StorageClass"): ["parameters", "provisioner"],
    ("", "PersistentVolume"): [f"spec.{source}" for source in _VOLUME_SOURCES.split()],
    ("", "PersistentVolumeClaim"): [
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ],
    ("", "Pod"): [f"spec.{field}" for field in _POD.split()]
    + [
        f"spec.{containers}.*.{field}"
        for containers in ("containers", "initContainers")
        for field in _CONTAINER.split()
    ],
    ("", "ResourceQuota"): ["spec.scopes"],
    ("", "Service"): ["spec.clusterIP"],
}


def replacing_fields(obj: Object, settings: Settings) -> list[tuple[str, ...]]:
    """The paths whose change replaces this object; ``*`` stands for any index of a list."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    kind, frozen = str(obj.get("kind", "")), obj.get("immutable") is True
    fields = ["metadata.name", "metadata.namespace", *_FIELDS.get((group, kind), [])]
    if (group, kind) == ("", "Secret"):
        fields += ["type"] if settings.mutable_secrets and not frozen else ["type", "stringData", "data"]
    if (group, kind) == ("", "ConfigMap") and (frozen or not settings.mutable_config_maps):
        fields += ["binaryData", "data"]
    return [tuple(field.split(".")) for field in fields]


def touches(field: tuple[str, ...], path: Path, value: object) -> bool:
    """Whether a change at ``path`` to ``value`` changes the field: at it, inside it, or around it."""
    for part, step in zip(field, path, strict=False):
        if not (isinstance(step, int) if part == "*" else part == step):
            return False
    return _holds(value, field[len(path) :])


def _holds(value: object, rest: tuple[str, ...]) -> bool:
    if not rest:
        return True
    if rest[0] == "*":
        return isinstance(value, list) and any(_holds(item, rest[1:]) for item in value)
    return isinstance(value, dict) and rest[0] in value and _holds(value[rest[0]], rest[1:])
