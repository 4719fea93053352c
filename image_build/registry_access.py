"""How a build reaches the package registries: as pip and npm do on this machine, by build secrets.

A build secret is a file that only one command of a builder stage sees; no layer has it. Only settings that lead to a registry are
passed on: no cache folders, no paths of this machine.
"""

import configparser
import io
import re
from collections.abc import Mapping
from pathlib import Path

_AUTHORITIES = ("PIP_CERT", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables that name a file of certificate authorities; the first that is set counts."""
_PUBLIC = Path("/usr/share/ca-certificates/mozilla")
"""The certificate authorities that Debian, and so each base, trusts already."""
_GLOBAL_PIP = Path("/etc/pip.conf")
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_PIP = ("index-url", "extra-index-url", "proxy", "trusted-host", "timeout")
_NPM = re.compile(r"(@[^:\s]+:)?registry$|//.*:(_authToken|_auth|username|_password)$|(https-|no)?proxy$|strict-ssl$")
_PROXIES = {"https-proxy": "HTTPS_PROXY", "proxy": "HTTP_PROXY", "noproxy": "NO_PROXY"}
IDS = ("certificates", "npmrc", "pip.conf")
"""Names of the build secrets. The Dockerfiles mount each of them where it is set."""


def registry_files(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Contents of the build secrets, by the names in ``IDS``. A secret for which this machine has no settings is left out."""
    files = {
        "certificates": _certificates(environment),
        "npmrc": _npmrc(environment, home),
        "pip.conf": _pip(environment, home),
    }
    return {name: content for name, content in files.items() if content}


def _certificates(environment: Mapping[str, str]) -> str:
    """The authorities that this machine trusts beyond the public ones."""
    named = next((environment[name] for name in _AUTHORITIES if environment.get(name)), None)
    trusted = _certificates_in(_read(Path(named))) if named else []
    public = {one for path in _PUBLIC.glob("*.crt") for one in _certificates_in(_read(path))}
    return "".join(f"{one}\n" for one in trusted if one not in public)


def _pip(environment: Mapping[str, str], home: Path) -> str:
    """The settings of pip. As in pip itself, later files win over earlier ones, and variables over files."""
    chosen: dict[str, str] = {}
    for path in (_GLOBAL_PIP, home / ".pip/pip.conf", home / ".config/pip/pip.conf"):
        parser = configparser.RawConfigParser()
        parser.read_string(_read(path))
        for section in ("global", "install"):
            chosen |= dict(parser[section]) if parser.has_section(section) else {}
    for key in _PIP:
        if value := environment.get(f"PIP_{key.upper().replace('-', '_')}"):
            chosen[key] = value
    chosen.setdefault("proxy", environment.get("HTTPS_PROXY", environment.get("https_proxy", "")))
    written = configparser.RawConfigParser()
    written["global"] = {key: chosen[key] for key in _PIP if chosen.get(key)}
    text = io.StringIO()
    written.write(text)
    return text.getvalue() if written["global"] else ""


def _npmrc(environment: Mapping[str, str], home: Path) -> str:
    """The settings of npm. Its own variables win over its file, and both win over the common variables of proxies."""
    chosen: dict[str, str] = {}
    for name, variable in _PROXIES.items():
        if value := environment.get(variable) or environment.get(variable.lower()):
            chosen[name] = value
    for line in _read(home / ".npmrc").splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if equals and _NPM.match(key):
            chosen[key] = value
    for name, value in environment.items():
        key = name.lower().removeprefix("npm_config_").replace("_", "-")
        if name.lower().startswith("npm_config_") and value and _NPM.match(key):
            chosen[key] = value
    return "".join(f"{key}={value}\n" for key, value in chosen.items())


def _certificates_in(text: str) -> list[str]:
    return _CERTIFICATE.findall(text)


def _read(path: Path) -> str:
    """The text of a file; empty where it does not exist or cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
