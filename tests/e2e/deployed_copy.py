"""A copy of the repository as a developer would set it up to see alerts, and traces that are not kept."""

import re
from pathlib import Path

from tests.e2e.webhook_receiver import RECEIVER
from tests.support.repository import ROOT, copy_repository, edit

SAMPLING = 20
"""Per cent of the traces that nothing marks as important."""
HASTY = {
    r"\bfor: \d+m\b": "for: 15s",
    r"\[5m\]": "[1m]",
    r"\[(10|15)m\]": "[2m]",
    r"\bgroup_wait: \d+s\b": "group_wait: 3s",
    r"\bgroup_interval: 5m\b": "group_interval: 15s",
}
"""What the short form of the drill of alerts makes of production's durations."""
DRILLED = ("rules/trading_platform.yaml", "rules/trading_safety.yaml", "config/alertmanager/alertmanager.yaml")


def copied(copy: Path) -> None:
    """Copy the repository. The copy's Docker engine is the repository's own, for its bases and caches."""
    copy_repository(copy)
    (copy / ".local").mkdir()
    (ROOT / ".local/docker").mkdir(exist_ok=True, mode=0o700)
    (copy / ".local/docker").symlink_to(ROOT / ".local/docker")


def prepare(copy: Path, *, hasty: bool) -> None:
    """Make such a copy, with people to tell, traces that are not kept and, if wanted, alerts that wait less."""
    copied(copy)
    edit(copy / "Pulumi.local.yaml", "samplingPercentage: 100", f"samplingPercentage: {SAMPLING}")
    secrets = copy / "conf/secrets.env"
    secrets.parent.mkdir(exist_ok=True)
    secrets.touch(mode=0o600)
    secrets.write_text(f"ALERT_WEBHOOK_URL={RECEIVER}/alerts\nDEAD_MANS_SWITCH_URL={RECEIVER}/alive\n")
    if hasty:
        for name in DRILLED:
            hasten(copy / name)


def hasten(file: Path) -> None:
    text = file.read_text()
    for pattern, instead in HASTY.items():
        text = re.sub(pattern, instead, text)
    file.write_text(text)
