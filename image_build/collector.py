"""The context of our own Collector's image: its manifest, and the modules of the distribution and of the official builder."""

from pathlib import Path

COLLECTOR = "otel-collector"
"""The image that the gateway and the node agents run (``images/upstream.yaml``)."""


def collector_files(root: Path) -> dict[str, bytes]:
    """Every file of the context, by its path there."""
    images, tools = root / "images" / "collector", root / "tools" / "collector"
    files = {name: images / name for name in ("Dockerfile", "builder.yaml", "health.go")}
    files |= {f"builder/{name}": tools / name for name in ("go.mod", "go.sum")}
    files |= {f"distribution/{name}": tools / "distribution" / name for name in ("go.mod", "go.sum")}
    return {name: path.read_bytes() for name, path in files.items()}
