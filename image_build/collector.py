"""The context of our own Collector's image: manifest, own components, and the modules of the distribution and of its builder."""

from pathlib import Path

COLLECTOR = "otel-collector"
"""The image that the gateway and the node agents run (``images/upstream.yaml``)."""


def component_files(components: Path) -> list[Path]:
    """What the components of our own are built from: their sources without tests, and their modules."""
    sources = [path for path in sorted(components.rglob("*.go")) if not path.name.endswith("_test.go")]
    return [*sources, components / "go.mod", components / "go.sum"]


def collector_files(root: Path) -> dict[str, bytes]:
    """Every file of the context, by its path there."""
    images, tools = root / "images" / "collector", root / "tools" / "collector"
    files = {name: images / name for name in ("Dockerfile", "builder.yaml", "health.go")}
    files |= {path.relative_to(images).as_posix(): path for path in component_files(images / "components")}
    files |= {f"builder/{name}": tools / name for name in ("go.mod", "go.sum")}
    files |= {f"distribution/{name}": tools / "distribution" / name for name in ("go.mod", "go.sum")}
    return {name: path.read_bytes() for name, path in files.items()}
