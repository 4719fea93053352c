"""The components of the embedded control plane, in starting order. The node is in ``node.py``.

Everything binds the loopback address and speaks TLS. A component's command depends on paths and ports alone.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.pki import Certificate, write_private
from tools.ports import LOOPBACK

SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
CLUSTER_DOMAIN = "cluster.local"

API_CA = "ca"
ETCD_CA = "etcd-ca"

CERTIFICATES = (
    Certificate(name="etcd", ca=ETCD_CA, common_name="etcd", hosts=(LOOPBACK, "localhost")),
    Certificate(name="etcd-client", ca=ETCD_CA, common_name="kube-apiserver"),
    Certificate(
        name="kube-apiserver",
        ca=API_CA,
        common_name="kube-apiserver",
        client=False,
        hosts=(
            LOOPBACK,
            API_SERVICE_IP,
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
        ),
    ),
    Certificate(name="kube-apiserver-kubelet-client", ca=API_CA, common_name="kube-apiserver-kubelet-client"),
    Certificate(name="admin", ca=API_CA, common_name="atlas-admin", organization="system:masters"),
    Certificate(
        name="kube-controller-manager",
        ca=API_CA,
        common_name="system:kube-controller-manager",
        hosts=(LOOPBACK, "localhost"),
    ),
    Certificate(name="kube-scheduler", ca=API_CA, common_name="system:kube-scheduler", hosts=(LOOPBACK, "localhost")),
)


@dataclass(frozen=True)
class ClusterPaths:
    """The files of one cluster, all of them below one directory."""

    root: Path

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def encryption(self) -> Path:
        return self.root / "pki" / "encryption.yaml"

    def credentials(self, name: str) -> Path:
        """The kubeconfig that a component uses."""
        return self.root / "credentials" / f"{name}.yaml"

    def pid_file(self, name: str) -> Path:
        return self.root / "run" / f"{name}.pid"

    def log_file(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"


@dataclass(frozen=True, kw_only=True)
class Component:
    """One process, its flags and its health endpoint.

    ``server_ca`` signs its certificate; ``client_certificate`` is the one we present.
    """

    name: str
    ports: tuple[str, ...]
    arguments: Callable[[ClusterPaths, dict[str, int]], list[str]]
    config_files: Callable[[ClusterPaths], list[Path]]
    health_port: str
    health_path: str
    server_ca: str
    client_certificate: str


def _key_pair(paths: ClusterPaths, name: str) -> tuple[Path, Path]:
    return paths.pki / f"{name}.crt", paths.pki / f"{name}.key"


def _config_files(*names: str, credentials: bool = False) -> Callable[[ClusterPaths], list[Path]]:
    def files(paths: ClusterPaths) -> list[Path]:
        found = [path for name in names for path in _key_pair(paths, name)]
        return [*found, paths.credentials(names[0])] if credentials else found

    return files


def _etcd(paths: ClusterPaths, ports: dict[str, int]) -> list[str]:
    certificate, key = _key_pair(paths, "etcd")
    ca = paths.pki / f"{ETCD_CA}.crt"
    client = f"https://{LOOPBACK}:{ports['etcd']}"
    peer = f"https://{LOOPBACK}:{ports['etcd-peer']}"
    return [
        "--name=atlas",
        f"--data-dir={paths.data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=atlas={peer}",
        f"--cert-file={certificate}",
        f"--key-file={key}",
        "--client-cert-auth",
        f"--trusted-ca-file={ca}",
        f"--peer-cert-file={certificate}",
        f"--peer-key-file={key}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={ca}",
        "--tls-min-version=TLS1.3",
        "--enable-grpc-gateway=false",
        "--log-level=warn",
    ]


def _api_server(paths: ClusterPaths, ports: dict[str, int]) -> list[str]:
    certificate, key = _key_pair(paths, "kube-apiserver")
    etcd_certificate, etcd_key = _key_pair(paths, "etcd-client")
    kubelet_certificate, kubelet_key = _key_pair(paths, "kube-apiserver-kubelet-client")
    return [
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        "--endpoint-reconciler-type=none",  # an Endpoints object may not name a loopback address
        f"--secure-port={ports['kube-apiserver']}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        "--tls-min-version=VersionTLS13",
        f"--client-ca-file={paths.pki / f'{API_CA}.crt'}",
        f"--etcd-servers=https://{LOOPBACK}:{ports['etcd']}",
        f"--etcd-cafile={paths.pki / f'{ETCD_CA}.crt'}",
        f"--etcd-certfile={etcd_certificate}",
        f"--etcd-keyfile={etcd_key}",
        f"--kubelet-certificate-authority={paths.pki / f'{API_CA}.crt'}",
        f"--kubelet-client-certificate={kubelet_certificate}",
        f"--kubelet-client-key={kubelet_key}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--encryption-provider-config={paths.encryption}",
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",  # Pod Security is on by default
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={paths.pki / 'service-account.pub'}",
        f"--service-account-signing-key-file={paths.pki / 'service-account.key'}",
        "--profiling=false",
    ]


def _controller_manager(paths: ClusterPaths, ports: dict[str, int]) -> list[str]:
    ca, ca_key = _key_pair(paths, API_CA)
    return [
        *_controller(paths, ports, "kube-controller-manager"),
        "--use-service-account-credentials",
        f"--root-ca-file={ca}",
        f"--service-account-private-key-file={paths.pki / 'service-account.key'}",
        f"--cluster-signing-cert-file={ca}",
        f"--cluster-signing-key-file={ca_key}",
        "--concurrent-namespace-syncs=10",
    ]


def _scheduler(paths: ClusterPaths, ports: dict[str, int]) -> list[str]:
    return _controller(paths, ports, "kube-scheduler")


def _controller(paths: ClusterPaths, ports: dict[str, int], name: str) -> list[str]:
    certificate, key = _key_pair(paths, name)
    credentials = paths.credentials(name)
    return [
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports[name]}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        "--tls-min-version=VersionTLS13",
        f"--kubeconfig={credentials}",
        f"--authentication-kubeconfig={credentials}",
        f"--authorization-kubeconfig={credentials}",
        "--leader-elect=false",  # there is one of each
        # The default of 20 calls a second makes the deletion of a namespace take a minute.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]


COMPONENTS = (
    Component(
        name="etcd",
        ports=("etcd", "etcd-peer"),
        arguments=_etcd,
        config_files=_config_files("etcd"),
        health_port="etcd",
        health_path="/readyz",
        server_ca=ETCD_CA,
        client_certificate="etcd-client",
    ),
    Component(
        name="kube-apiserver",
        ports=("kube-apiserver",),
        arguments=_api_server,
        config_files=lambda paths: [
            *_config_files("kube-apiserver", "etcd-client", "kube-apiserver-kubelet-client")(paths),
            paths.pki / f"{API_CA}.crt",
            paths.encryption,
            paths.pki / "service-account.key",
        ],
        health_port="kube-apiserver",
        health_path="/readyz",
        server_ca=API_CA,
        client_certificate="admin",
    ),
    Component(
        name="kube-controller-manager",
        ports=("kube-controller-manager",),
        arguments=_controller_manager,
        config_files=_config_files("kube-controller-manager", API_CA, credentials=True),
        health_port="kube-controller-manager",
        health_path="/healthz",
        server_ca=API_CA,
        client_certificate="admin",
    ),
    Component(
        name="kube-scheduler",
        ports=("kube-scheduler",),
        arguments=_scheduler,
        config_files=_config_files("kube-scheduler", credentials=True),
        health_port="kube-scheduler",
        health_path="/healthz",
        server_ca=API_CA,
        client_certificate="admin",
    ),
)


def kubeconfig(paths: ClusterPaths, ports: Mapping[str, int], *, client: str, context: str) -> bytes:
    """A kubeconfig with one context, for the user that the certificate ``client`` names. All certificates and keys are embedded."""

    def embedded(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    certificate, key = _key_pair(paths, client)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": f"https://{LOOPBACK}:{ports['kube-apiserver']}",
                    "certificate-authority-data": embedded(paths.pki / f"{API_CA}.crt"),
                },
            }
        ],
        "users": [
            {
                "name": f"{context}-{client}",
                "user": {
                    "client-certificate-data": embedded(certificate),
                    "client-key-data": embedded(key),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": f"{context}-{client}"}}],
    }
    return yaml.safe_dump(document, sort_keys=False).encode()


def ensure_encryption_config(path: Path) -> None:
    """Write the configuration by which Secrets are encrypted in etcd.

    Its key is made once: a file that exists is never replaced.
    """
    if path.exists():
        return
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [{"secretbox": {"keys": [{"name": "first", "secret": key}]}}, {"identity": {}}],
            }
        ],
    }
    write_private(path, json.dumps(document, indent=2).encode())
