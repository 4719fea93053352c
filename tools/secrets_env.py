"""`conf/secrets.env`, the platform's own file of variables for work on one machine: which of them are secrets of ours.

The file never leaves the machine. It is refused where others could have read it: open to group or others, tracked by git, a link
out of its folder.
"""

import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from components.services import SERVICES

RECEIVERS: Mapping[str, str] = {
    "SLACK_WEBHOOK_URL": "slackWebhookUrl",
    "ALERT_WEBHOOK_URL": "alertWebhookUrl",
    "DEAD_MANS_SWITCH_URL": "deadMansSwitchUrl",
}
"""Who hears of this machine's alerts, beside Teams, whose variable the platform has already."""
VALUES: Mapping[str, str] = RECEIVERS | {
    variable: key for each in SERVICES.values() for variable, key in each.secrets.items()
}
"""The secret of each variable whose value is one."""
FILES: Mapping[str, str] = {variable: key for each in SERVICES.values() for variable, key in each.files.items()}
"""The secret of each variable that names a file with one."""


class SecretsEnvError(Exception):
    """Why a file is refused, and the mend."""


@dataclass(frozen=True, kw_only=True)
class SecretsEnv:
    """``secrets`` by their keys in the stack's configuration; ``unused`` names the variables that are no secrets of ours."""

    secrets: Mapping[str, str]
    unused: tuple[str, ...]


def read(file: Path) -> SecretsEnv:
    """What the file gives.

    Raises:
        SecretsEnvError: the file, or one that it names, is not private, or not there.
    """
    _require_private(file)
    values = {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}
    secrets = {VALUES[name]: value for name, value in values.items() if name in VALUES}
    for name in FILES.keys() & values.keys():
        # The platform names it as its containers see it; it lies beside this file.
        named = file.parent / Path(values[name]).name
        if not named.is_file():
            raise SecretsEnvError(f"{file}: {name} names {values[name]}, and there is no {named}; put the file there")
        _require_private(named)
        secrets[FILES[name]] = named.read_text()
    unused = sorted(values.keys() - VALUES.keys() - FILES.keys())
    return SecretsEnv(secrets=secrets, unused=tuple(unused))


def _require_private(file: Path) -> None:
    if file.is_symlink() and file.resolve().parent != file.parent.resolve():
        raise SecretsEnvError(f"{file} is a link to {file.resolve()}; put the file itself there")
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretsEnvError(f"{file} can be read by others; mend: chmod 600 {file}")
    tracked = ["git", "-C", str(file.parent), "ls-files", "--error-unmatch", "--", file.name]
    if subprocess.run(tracked, capture_output=True, check=False).returncode == 0:
        raise SecretsEnvError(
            f"{file} is tracked by git: whoever has the repository has these secrets. "
            f"Mend: git rm --cached {file}, and get new secrets"
        )
