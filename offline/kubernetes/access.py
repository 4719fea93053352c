"""The connection to the API server that a kubeconfig names: a pool of connections, and the headers that authenticate.

The official client supports every way to log in, but importing it takes half a second of every preview. A kubeconfig with a
certificate or a token does not need it, so it is imported for all other ways only.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
import yaml

from offline.kubernetes.kubeconfig import active_cluster, active_context, active_user, in_cluster, load
from offline.kubernetes.settings import Settings
from offline.provider import Refused

CONNECTIONS = 64
_DIRECT_CLUSTER = {"server", "certificate-authority", "certificate-authority-data", "extensions"}
_DIRECT_USER = {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token"}


@dataclass(frozen=True)
class Access:
    """``headers`` is called for each request, since a token may have been renewed."""

    server: str
    namespace: str
    pool: urllib3.PoolManager
    headers: Callable[[], dict[str, str]]


def connect(settings: Settings, temporary: Path) -> Access:
    """Access to the cluster in use.

    ``temporary`` is a folder of this process alone: keys inside a kubeconfig are written there for the TLS library.
    """
    try:
        config = load(settings.kubeconfig)
        if not config and not settings.kubeconfig and in_cluster():
            return _connect_by_client(None, settings.namespace or "default", temporary)
        if not config:
            raise Refused("there is no kubeconfig; set KUBECONFIG to the file of the cluster to use")
        context = active_context(config, settings)
        namespace = context.get("namespace") or "default"
        cluster, user = active_cluster(config, settings), active_user(config, context)
        if cluster and user and _is_direct(cluster, user):
            return _connect_directly(cluster, user, namespace, temporary)
        contexts = [{"name": context["name"], "context": {k: v for k, v in context.items() if k != "name"}}]
        reduced = {**config, "contexts": contexts, "current-context": context["name"]}
        return _connect_by_client(reduced, namespace, temporary)
    except (yaml.YAMLError, ValueError, KeyError, TypeError) as error:
        raise unusable(error) from error


def unusable(error: Exception) -> Refused:
    """One sentence for whatever is wrong with a kubeconfig."""
    return Refused(f"the kubeconfig cannot be used: {' '.join(str(error).split())}")


def _is_direct(cluster: dict[str, Any], user: dict[str, Any]) -> bool:
    """Whether the official client is not needed: plain credentials, and a direct, verified HTTPS connection."""
    server = urlsplit(cluster.get("server", ""))
    direct = "https" not in getproxies() or bool(proxy_bypass(server.netloc))
    return server.scheme == "https" and direct and cluster.keys() <= _DIRECT_CLUSTER and user.keys() <= _DIRECT_USER


def _connect_directly(cluster: dict[str, Any], user: dict[str, Any], namespace: str, temporary: Path) -> Access:
    def file(entry: dict[str, Any], key: str) -> str | None:
        """The file that the entry names, or one with its embedded content, which takes precedence."""
        if f"{key}-data" not in entry:
            return entry.get(key)
        path = temporary / key
        path.write_bytes(base64.b64decode(entry[f"{key}-data"], validate=True))
        return str(path)

    pool = urllib3.PoolManager(
        maxsize=CONNECTIONS,
        cert_reqs="CERT_REQUIRED",
        ca_certs=file(cluster, "certificate-authority"),
        cert_file=file(user, "client-certificate"),
        key_file=file(user, "client-key"),
    )
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
    return Access(cluster["server"].rstrip("/"), namespace, pool, lambda: headers)


def _connect_by_client(config: dict[str, Any] | None, namespace: str, temporary: Path) -> Access:
    from kubernetes.client import Configuration
    from kubernetes.client.rest import RESTClientObject
    from kubernetes.config import ConfigException, load_incluster_config, load_kube_config_from_dict

    client = Configuration()
    client.connection_pool_maxsize = CONNECTIONS
    try:
        if config is None:
            load_incluster_config(client_configuration=client)
        else:
            load_kube_config_from_dict(
                config, client_configuration=client, persist_config=False, temp_file_path=str(temporary)
            )
    except ConfigException as error:
        raise unusable(error) from error

    def headers() -> dict[str, str]:
        settings = client.auth_settings().values()
        return {setting["key"]: setting["value"] for setting in settings if setting["value"]}  # pyright: ignore

    return Access(client.host, namespace, RESTClientObject(client).pool_manager, headers)
