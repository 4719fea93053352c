"""``conf/secrets.env``, the platform's own file of variables for work on one machine: which of them are secrets of the stack.

The file never leaves the machine. It is refused when others could have read it: when its mode admits group or others, when git
tracks it, or when it is a link out of its folder.
"""

import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from settings.secret_table import SECRETS

VALUES: Mapping[str, str] = {
    secret.variable: key for key, secret in SECRETS.items() if secret.variable and not secret.as_file
}
"""Variables whose value is a secret, with the key of that secret."""
FILES: Mapping[str, str] = {
    secret.variable: key for key, secret in SECRETS.items() if secret.variable and secret.as_file
}
"""Variables that name a file with a secret, with the key of that secret."""


class SecretsEnvError(Exception):
    """Why a file is refused, and how to fix it."""


@dataclass(frozen=True, kw_only=True)
class SecretsEnv:
    """``secrets`` by their keys in the stack's configuration. ``unused`` are the variables that are no secrets of the stack."""

    secrets: Mapping[str, str]
    unused: tuple[str, ...]


def read(file: Path) -> SecretsEnv:
    """Read the secrets in the file.

    Raises:
        SecretsEnvError: the file, or a file that it names, is missing or not private.
    """
    _require_private(file)
    values = {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}
    secrets = {VALUES[name]: value for name, value in values.items() if name in VALUES}
    for name in FILES.keys() & values.keys():
        # The variable has the path inside the platform's containers; here the file is beside secrets.env.
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
        raise SecretsEnvError(f"{file} can be read by others; fix: chmod 600 {file}")
    tracked = ["git", "-C", str(file.parent), "ls-files", "--error-unmatch", "--", file.name]
    if subprocess.run(tracked, capture_output=True, check=False).returncode == 0:
        raise SecretsEnvError(
            f"{file} is tracked by git: whoever has the repository has these secrets; "
            f"fix: git rm --cached {file}, and replace the secrets"
        )
