"""The programs that are built from source, each from its own pinned go.mod.

A build's key is the hash of all that it is made from.
"""

import hashlib
import json
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from image_build.collector import component_files
from tools import preflight, prometheus_page
from tools.golang import Go
from tools.paths import ROOT, TOOLS
from tools.progress import SetupError, run

COLLECTOR_MANIFEST = ROOT / "images" / "collector" / "builder.yaml"
COLLECTOR_COMPONENTS = ROOT / "images" / "collector" / "components"
COLLECTOR_LOCK = TOOLS / "collector" / "distribution"
_RECIPE = "1"
"""A part of every key: raise it when the way of building changes."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One binary: the Go package ``package``, built in the module ``tools/<module>``.

    The linker sets the variables ``stamps`` to the version of the module ``versioned``, or to ``release`` where the module is
    pinned by a commit. For OPERATOR_CRDS, ``package`` is the module that contains the files.
    """

    name: str
    groups: tuple[str, ...]
    module: str
    package: str
    versioned: str = ""
    stamps: tuple[str, ...] = ()
    release: str = ""
    small: bool = False
    """Whether its modules and compiled packages take megabytes instead of gigabytes."""

    @property
    def go_mod(self) -> Path:
        return TOOLS / self.module / "go.mod"


_KUBERNETES = ("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion")


def _kubernetes(name: str, group: str = "cluster") -> Build:
    return Build(
        name=name,
        groups=(group,),
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        versioned="k8s.io/kubernetes",
        stamps=_KUBERNETES,
    )


def _node(name: str, package: str) -> Build:
    """A program that only the embedded cluster runs."""
    return Build(name=name, groups=("node",), module=name, package=package)


def _server(name: str, package: str, module: str | None = None) -> Build:
    """A server that both the tests and the embedded cluster's pods run."""
    return Build(name=name, groups=("checks", "node"), module=module or name, package=package)


def _checker(name: str, package: str, bigger_module: str | None = None) -> Build:
    """A program for the tests. ``bigger_module`` is the module of a server that contains it as well."""
    return Build(
        name=name, groups=("checks",), module=bigger_module or name, package=package, small=bigger_module is None
    )


PULUMI = Build(
    name="pulumi",
    groups=("engine",),
    module="engine",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    versioned="github.com/pulumi/pulumi/pkg/v3",
    stamps=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",),
)
PROVIDER_MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
KUBERNETES_PROVIDER = Build(
    name="pulumi-resource-kubernetes",
    groups=("engine",),
    module="kubernetes-provider",
    package=".",
    versioned=PROVIDER_MODULE,
    stamps=(f"{PROVIDER_MODULE}/pkg/version.Version",),
    release="4.25.0",
)
KUBECTL = _kubernetes("kubectl")
PROMETHEUS = _server("prometheus", "github.com/prometheus/prometheus/cmd/prometheus")
COLLECTOR = _server("otelcol-atlas", "go.opentelemetry.io/collector/cmd/builder", "collector")
OPERATOR_CRDS = Build(
    name="operator-crds",
    groups=("checks",),
    module="operator-crds",
    package="github.com/prometheus-operator/prometheus-operator",
    small=True,
)
BUILDS = (
    PULUMI,
    KUBERNETES_PROVIDER,
    Build(name="etcd", groups=("cluster",), module="etcd", package="go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    KUBECTL,
    _kubernetes("kubelet", "node"),
    _kubernetes("kube-proxy", "node"),
    _node("coredns", "github.com/coredns/coredns"),
    _node("kube-state-metrics", "k8s.io/kube-state-metrics/v2"),
    _node("blackbox-exporter", "github.com/prometheus/blackbox_exporter"),
    _node("postgres-exporter", "github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter"),
    _checker("promtool", "github.com/prometheus/prometheus/cmd/promtool", "prometheus"),
    PROMETHEUS,
    _server("alertmanager", "github.com/prometheus/alertmanager/cmd/alertmanager"),
    _checker("amtool", "github.com/prometheus/alertmanager/cmd/amtool", "alertmanager"),
    _server("victoria-logs", "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs", "victorialogs"),
    _server("jaeger", "github.com/jaegertracing/jaeger/cmd/jaeger"),
    COLLECTOR,
    Build(name="podsecurity", groups=("checks",), module="podsecurity", package="."),
    _checker("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"),
    _checker("kube-score", "github.com/zegl/kube-score/cmd/kube-score"),
    _checker("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
    _checker("gitleaks", "github.com/zricethezav/gitleaks/v8"),
    Build(name="licence-classifier", groups=("checks",), module="licence-classifier", package=".", small=True),
    OPERATOR_CRDS,
)


def key(build: Build, go: Go) -> str:
    """The key of a build: it changes whenever the binary could."""
    digest = hashlib.sha256()
    release = [build.release] if build.release else []
    system = () if preflight.is_linux() else (platform.system(),)
    for word in (_RECIPE, build.package, *build.stamps, *release, go.key, platform.machine(), *system):
        digest.update(word.encode() + b"\0")
    sources = [path for path in sorted(build.go_mod.parent.rglob("*")) if path.is_file()]
    if build is COLLECTOR:
        sources += [COLLECTOR_MANIFEST, *component_files(COLLECTOR_COMPONENTS)]
    if build is PROMETHEUS:
        digest.update(prometheus_page.RECIPE.encode() + b"\0")
        sources += prometheus_page.pins()
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def make(build: Build, go: Go, target: Path, nodejs_path: str) -> None:
    """Build programs into ``target``/bin, and other files into ``target``/share. ``nodejs_path`` is a PATH that has Node.js."""
    binaries = target / "bin"
    binaries.mkdir()
    if build is COLLECTOR:
        _make_collector(go, target)
        return
    if build is OPERATOR_CRDS:
        _copy_operator_crds(go, target / "share" / build.name)
        return
    if build is KUBERNETES_PROVIDER:
        _make_kubernetes_provider(go, target)
        return
    if build is PROMETHEUS:
        _make_prometheus(go, target, nodejs_path)
        return
    _compile(build, go, binaries / build.name)
    if build is PULUMI:
        # The SDK's launcher of Python programs; the official distribution also has it beside the engine.
        sdk = _go(build, go, ["list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"]).strip()
        launcher = "pulumi-language-python-exec"
        shutil.copyfile(Path(sdk) / "python" / "cmd" / launcher, binaries / launcher)
        (binaries / launcher).chmod(0o755)


def lock_collector(go: Go, scratch: Path) -> None:
    """Resolve the Collector's modules again, and write go.mod and go.sum to ``COLLECTOR_LOCK``."""
    sources = _generate_collector(go, scratch, locked=False)
    run("go mod tidy", [go.command, "mod", "tidy"], cwd=sources, environment=go.environment, hint=_hint)
    COLLECTOR_LOCK.mkdir(exist_ok=True)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(sources / name, COLLECTOR_LOCK / name)


def _compile(build: Build, go: Go, output: Path, sources: Path | None = None, *, tags: str = "") -> None:
    flags = ["-s", "-w"]
    flags += [word for variable in build.stamps for word in ("-X", f"{variable}={build.release or version(build)}")]
    options = ["-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags", " ".join(flags)]
    _go(build, go, ["build", *options, "-o", str(output), build.package], sources)


def _make_kubernetes_provider(go: Go, target: Path) -> None:
    """The program embeds generated files, which only the module itself has."""
    sources = target / "build"
    shutil.copytree(KUBERNETES_PROVIDER.go_mod.parent, sources)
    module = _go(KUBERNETES_PROVIDER, go, ["list", "-m", "-f", "{{.Dir}}", PROVIDER_MODULE]).strip()
    for name in ("schema.json", "terraform-mapping.json"):
        shutil.copyfile(Path(module) / "cmd" / KUBERNETES_PROVIDER.name / name, sources / name)
    _compile(KUBERNETES_PROVIDER, go, target / "bin" / KUBERNETES_PROVIDER.name, sources)
    shutil.rmtree(sources)


def _make_prometheus(go: Go, target: Path, nodejs_path: str) -> None:
    """Prometheus with its page, from a copy of its module: the cache of modules has to stay as it is."""
    path = "github.com/prometheus/prometheus"
    module = json.loads(_go(PROMETHEUS, go, ["mod", "download", "-json", path]))["Dir"]
    scratch = target / "scratch"
    scratch.mkdir()
    copy = prometheus_page.build(Path(module), scratch, {**go.environment, "PATH": nodejs_path})
    sources = scratch / "build"
    sources.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(PROMETHEUS.go_mod.with_name(name), sources / name)
    _go(PROMETHEUS, go, ["mod", "edit", f"-replace={path}={copy}"], sources)
    _compile(PROMETHEUS, go, target / "bin" / PROMETHEUS.name, sources, tags=prometheus_page.TAG)
    share = target / "share" / "prometheus-page"
    share.mkdir(parents=True)
    shutil.copyfile(scratch / prometheus_page.LICENCES, share / prometheus_page.LICENCES)
    shutil.rmtree(scratch)


def _make_collector(go: Go, target: Path) -> None:
    sources = _generate_collector(go, target, locked=True)
    output = str(target / "bin" / COLLECTOR.name)
    run(
        COLLECTOR.name,
        [go.command, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", output, "."],
        cwd=sources,
        environment=go.environment,
        hint=lambda output: (
            "fix: the manifest and its lock differ; run `python3 tools/setup.py lock-collector`"
            if "go.mod" in output or "go.sum" in output
            else _hint(output)
        ),
    )
    shutil.rmtree(sources)
    shutil.rmtree(target / "components")


def _copy_operator_crds(go: Go, target: Path) -> None:
    answer = json.loads(_go(OPERATOR_CRDS, go, ["mod", "download", "-json", OPERATOR_CRDS.package]))
    definitions = list((Path(answer["Dir"]) / "example" / "prometheus-operator-crd").glob("*.yaml"))
    if not definitions:
        raise SetupError(f"{OPERATOR_CRDS.package} {answer['Version']} keeps its definitions elsewhere")
    target.mkdir(parents=True)
    for definition in definitions:
        shutil.copyfile(definition, target / definition.name)


def _generate_collector(go: Go, scratch: Path, *, locked: bool) -> Path:
    """The distribution's source as the official builder writes it, with the module versions of our lock."""
    builder = scratch / "builder"
    _compile(COLLECTOR, go, builder)
    sources = scratch / "build"
    sources.mkdir()
    for path in component_files(COLLECTOR_COMPONENTS):
        copy = scratch / "components" / path.relative_to(COLLECTOR_COMPONENTS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if locked:
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(COLLECTOR_LOCK / name, sources / name)
    run(
        "Collector's builder",
        [
            str(builder),
            f"--config={COLLECTOR_MANIFEST}",
            "--skip-compilation",
            *(["--skip-get-modules"] if locked else []),
        ],
        cwd=scratch,
        environment={**go.environment, "PATH": f"{Path(go.command).parent}:{go.environment['PATH']}"},
        hint=_hint,
    )
    builder.unlink()
    return sources


def _go(build: Build, go: Go, arguments: list[str], folder: Path | None = None) -> str:
    folder = folder or build.go_mod.parent
    return run(build.name, [go.command, *arguments], cwd=folder, environment=go.environment, hint=_hint)


def version(build: Build) -> str:
    """The pinned version of what is built: the one that its go.mod requires."""
    match = re.search(rf"^\s+{re.escape(build.versioned)} (v\S+)", build.go_mod.read_text(), re.MULTILINE)
    if not match:
        raise SetupError(f"{build.go_mod} does not require {build.versioned}")
    return match[1]


def _hint(output: str) -> str:
    if re.search(
        r"dial tcp|proxyconnect|no such host|i/o timeout|x509|Forbidden|connection refused|TLS handshake", output
    ):
        return (
            "fix: let Go reach a module proxy (GOPROXY), through HTTPS_PROXY if there is one; "
            "SSL_CERT_FILE names an authority of your own"
        )
    if "no space left" in output:
        return "fix: free disk space, or set ATLAS_CACHE, GOCACHE and GOMODCACHE to a bigger disk"
    if re.search(r"signal: killed|cannot allocate memory", output):
        return "fix: more memory; building needs about 4 GB"
    return ""
