"""Loki's own configuration, run by the real Loki as one process with a folder."""

from pathlib import Path

CONFIG = Path(__file__).parents[2] / "config/loki/loki.yaml"


def environment(address: str) -> dict[str, str]:
    """What the program sets where Loki is one process."""
    return {
        "MY_POD_IP": address,
        "LOKI_RETENTION": "168h",
        "LOKI_WAL_REPLAY_CEILING": str(1 << 28),
        "LOKI_STORE": "filesystem",
        "LOKI_S3_ENDPOINT": "",
        "LOKI_S3_BUCKET": "",
        "LOKI_S3_REGION": "",
        "LOKI_RING": "inmemory",
        "LOKI_MEMBERS": f"{address}:7946",
        "LOKI_REPLICATION": "1",
    }


def replicated(address: str) -> dict[str, str]:
    """What it sets where replicas share an object store."""
    return environment(address) | {
        "LOKI_STORE": "s3",
        "LOKI_S3_ENDPOINT": "s3.example.com",
        "LOKI_S3_BUCKET": "logs",
        "LOKI_S3_REGION": "eu-central-1",
        "LOKI_RING": "memberlist",
        "LOKI_REPLICATION": "3",
    }
