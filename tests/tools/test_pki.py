"""Certificates: private, kept while they are good, renewed when they are not."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tools import pki
from tools.pki import Certificate

ONE = Certificate(name="one", ca="ca", common_name="one", organization="group", hosts=("127.0.0.1", "localhost"))
TWO = Certificate(name="two", ca="other-ca", common_name="two")


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in after if before.get(name) != after[name]}


def test_what_is_good_is_left_untouched(tmp_path: Path) -> None:
    pki.ensure(tmp_path, (ONE, TWO))
    before = contents(tmp_path)
    pki.ensure(tmp_path, (ONE, TWO))

    pairs = {f"{name}.{end}" for name in ("one", "two", "ca", "other-ca") for end in ("crt", "key")}
    assert set(before) == pairs | {"service-account.key", "service-account.pub"}
    assert contents(tmp_path) == before


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    pki.ensure(tmp_path, (ONE, TWO))

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_certificate_near_its_end_is_renewed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki.ensure(tmp_path, (ONE, TWO))
    before = contents(tmp_path)
    monkeypatch.setattr(pki, "RENEW_BEFORE", pki.LEAF_LIFE + timedelta(days=1))  # longer than a leaf's whole life
    pki.ensure(tmp_path, (ONE, TWO))

    assert changed(before, contents(tmp_path)) == {"one.crt", "one.key", "two.crt", "two.key"}


@pytest.mark.parametrize("lost", ["ca.crt", "ca.key"])
def test_a_lost_authority_takes_its_own_certificates_with_it(tmp_path: Path, lost: str) -> None:
    pki.ensure(tmp_path, (ONE, TWO))
    before = contents(tmp_path)
    (tmp_path / lost).unlink()
    pki.ensure(tmp_path, (ONE, TWO))

    assert changed(before, contents(tmp_path)) == {"ca.crt", "ca.key", "one.crt", "one.key"}


def test_a_key_that_is_not_the_certificates_own_is_replaced(tmp_path: Path) -> None:
    pki.ensure(tmp_path, (ONE, TWO))
    (tmp_path / "one.key").write_bytes((tmp_path / "two.key").read_bytes())
    pki.ensure(tmp_path, (ONE, TWO))

    certificate = x509.load_pem_x509_certificate((tmp_path / "one.crt").read_bytes())
    assert (tmp_path / "one.key").read_bytes() != (tmp_path / "two.key").read_bytes()
    assert certificate.subject.rfc4514_string() == "CN=one,O=group"


def test_other_hosts_make_another_certificate(tmp_path: Path) -> None:
    pki.ensure(tmp_path, (ONE,))
    before = contents(tmp_path)
    moved = Certificate(name="one", ca="ca", common_name="one", organization="group", hosts=("127.0.0.2",))
    pki.ensure(tmp_path, (moved,))

    assert changed(before, contents(tmp_path)) == {"one.crt", "one.key"}


def test_only_an_authority_may_sign(tmp_path: Path) -> None:
    pki.ensure(tmp_path, (ONE,))

    def may_sign(name: str) -> bool:
        certificate = x509.load_pem_x509_certificate((tmp_path / name).read_bytes())
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca

    assert may_sign("ca.crt")
    assert not may_sign("one.crt")
