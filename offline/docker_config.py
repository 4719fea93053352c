"""Credentials of registries: what the setting ``registryAuth`` of the docker provider says, and files of Docker's own form."""

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offline.provider import Refused
from offline.registry import Account, is_loopback, registry_host


def read_accounts(entries: list[dict[str, Any]], environment: Mapping[str, str], home: Path) -> dict[str, Account]:
    """The account for each registry that has an entry, by host.

    Raises:
        Refused: an entry names a file that cannot be read, or credentials that only a program could give.
    """
    accounts: dict[str, Account] = {}
    for entry in entries:
        address = str(entry.get("address") or "")
        host = registry_host(address)
        if not host:
            raise Refused("registryAuth: an entry has no address")
        if address.startswith("http://") and not is_loopback(host):
            raise Refused(f"registryAuth: {address} would send credentials in clear; name it without http://")
        if entry.get("authDisabled"):
            accounts[host] = Account()
        elif entry.get("username"):
            accounts[host] = Account(str(entry["username"]), str(entry.get("password") or ""))
        elif entry.get("configFileContent"):
            accounts[host] = _account(host, str(entry["configFileContent"]), "configFileContent")
        else:
            path = Path(entry["configFile"]).expanduser() if entry.get("configFile") else own_file(environment, home)
            accounts[host] = _account(host, _read(path), str(path))
    return accounts


def own_file(environment: Mapping[str, str], home: Path) -> Path:
    """Where the user's own credentials are: DOCKER_CONFIG names the file, or its folder."""
    named = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    return named if named.is_file() else named / "config.json"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        raise Refused(f"registryAuth: {path} cannot be read: {error}") from None


def _account(host: str, text: str, source: str) -> Account:
    """The account for this host in a file's text; everybody's where it has none."""
    try:
        document = json.loads(text)
        entries = {registry_host(key): entry or {} for key, entry in (document.get("auths") or {}).items()}
        helpers = {registry_host(key): helper for key, helper in (document.get("credHelpers") or {}).items()}
        helper = helpers.get(host) or document.get("credsStore")
        if host not in entries and host not in helpers:
            return Account()
        entry = entries.get(host, {})
        if "auth" in entry:
            username, _, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
        else:
            username, password = entry.get("username", ""), entry.get("password", "")
    except (ValueError, AttributeError, TypeError, binascii.Error):
        raise Refused(f"registryAuth: {source} is no configuration of Docker") from None
    if not username and helper:
        raise Refused(
            f"registryAuth: the credentials of {host} are kept by docker-credential-{helper}, which the stand-in does not ask; "
            "set the secret registryDockerConfig"
        )
    return Account(username, password)
