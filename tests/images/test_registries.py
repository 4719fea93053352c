"""The way to the package registries that a build is given: what pip and npm use on this machine, and no more."""

from pathlib import Path

import pytest

from image_build import registry_access
from image_build.registry_access import IDS, registry_files

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def certificate(name: str) -> str:
    return f"{BEGIN}\n{name}\n{END}"


@pytest.fixture(autouse=True)
def only_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No public authorities and no global configuration but what a test makes."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public/one.crt").write_text(certificate("public"))
    monkeypatch.setattr(registry_access, "_PUBLIC", tmp_path / "public")
    monkeypatch.setattr(registry_access, "_GLOBAL_PIP", tmp_path / "pip.conf")


def test_a_machine_without_anything_special_hands_in_nothing(tmp_path: Path) -> None:
    assert registry_files({}, tmp_path) == {}


def test_only_authorities_beyond_the_public_ones_are_handed_in(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(certificate("public") + "\n" + certificate("ours"))
    assert registry_files({"PIP_CERT": str(bundle)}, tmp_path) == {"certificates": f"{certificate('ours')}\n"}
    bundle.write_text(certificate("public"))
    assert registry_files({"SSL_CERT_FILE": str(bundle)}, tmp_path) == {}


def test_pip_takes_its_index_and_no_path_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://a.example.com/simple\ncert = /etc/ssl/x\nfind-links = /opt\n"
    )
    assert registry_files({}, tmp_path)["pip.conf"] == "[global]\nindex-url = https://a.example.com/simple\n\n"
    changed = registry_files({"PIP_INDEX_URL": "https://b.example.com/simple", "HTTPS_PROXY": "http://p:1"}, tmp_path)
    assert changed["pip.conf"] == "[global]\nindex-url = https://b.example.com/simple\nproxy = http://p:1\n\n"


def test_npm_takes_its_registries_and_their_credentials_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        "registry=https://r.example.com/\n@atlas:registry = https://s.example.com/\n//s.example.com/:_authToken=abc\n"
        "cache=/root/.npm\nnodedir=/usr\n"
    )
    assert registry_files({"NPM_CONFIG_CACHE": "/x", "npm_config_strict_ssl": "false"}, tmp_path)["npmrc"] == (
        "registry=https://r.example.com/\n@atlas:registry=https://s.example.com/\n//s.example.com/:_authToken=abc\n"
        "strict-ssl=false\n"
    )
    assert registry_files({"npm_config_registry": "https://t.example.com/"}, tmp_path)["npmrc"].startswith(
        "registry=https://t.example.com/\n"
    )


def test_every_build_secret_is_one_that_the_dockerfiles_mount() -> None:
    mounted = "".join(
        (Path(registry_access.__file__).parents[1] / f"images/{each}/Dockerfile").read_text()
        for each in ("node", "python")
    )
    assert [name for name in IDS if f"--mount=type=secret,id={name}" not in mounted] == []
