"""Image references: pinned once, by tag and digest, and what else may replace them."""

import re

import pytest

from catalog.images import IMAGES, Images, check_reference, is_digest_reference, parts_of
from tests.support.synthesis import ROOT

DIGEST = "@sha256:" + "0a" * 32


PIN = re.compile(r"(?P<name>[a-z0-9._/-]+):v?\d+(\.\d+)*(-[a-z]+)?@sha256:(?P<digest>[0-9a-f]{64})")
"""A version, which a flavour may follow (``7.4-alpine``), for people; the digest alone decides what runs."""
OFFICIAL = {"db": "postgres", "cache": "redis", "rabbitmq": "rabbitmq"}
"""Docker's own images, which have no organisation in their names. Any other name without one would be a slip."""


def pinned(name: str) -> re.Match[str]:
    match = PIN.fullmatch(IMAGES[name])
    assert match, f"{name} is pinned as {IMAGES[name]}"
    return match


@pytest.mark.parametrize("name", IMAGES)
def test_each_pin_has_a_version_for_people_and_a_digest_for_machines(name: str) -> None:
    assert check_reference(IMAGES[name]) == IMAGES[name]
    assert is_digest_reference(IMAGES[name])
    repository = pinned(name)["name"]
    assert repository == OFFICIAL[name] if name in OFFICIAL else "/" in repository


def test_no_two_pins_have_one_digest() -> None:
    digests = [pinned(name)["digest"] for name in IMAGES]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    "pin",
    [
        "redis:alpine@sha256:" + "0a" * 32,
        "redis:7.4-alpine",
        "redis@sha256:" + "0a" * 32,
        "redis:7.4@sha256:" + "0A" * 32,
    ],
)
def test_a_pin_without_version_or_digest_would_be_seen(pin: str) -> None:
    assert not PIN.fullmatch(pin)


def test_each_pin_is_kept_current_by_a_comment_for_its_updater() -> None:
    lines = (ROOT / "images/upstream.yaml").read_text().splitlines()
    pins = [index for index, line in enumerate(lines) if line and not line.startswith("#")]
    assert len(pins) == len(IMAGES)
    assert all(lines[index - 1] == "# renovate: datasource=docker" for index in pins)


@pytest.mark.parametrize(
    "reference",
    ["registry:5000/team/tool:1.2" + DIGEST, "registry.example.com/tool" + DIGEST, "tool:1", "docker.io/a/b_c:v1-rc.2"],
)
def test_accepted(reference: str) -> None:
    assert check_reference(reference) == reference


@pytest.mark.parametrize(
    "reference",
    [
        *(
            "",
            "tool",
            "tool:latest",
            "Tool:1",
            "tool:1@sha256:00",
            "tool:1 ",
            "tool@md5:00",
            "a//b:1",
            "tool:1\n",
            "a..b/c:1",
        ),
        *(
            "https://a/b:1",
            "tool:\u0661",
            "t\u043eol:1",
            "tool:1@sha256:" + "0A" * 32,
            "tool:" + "1" * 129,
            "a:99999999/b:1",
        ),
        "tool:latest" + DIGEST,
    ],
)
def test_refused_with_what_to_write(reference: str) -> None:
    with pytest.raises(ValueError, match=r"^expected .*name:tag@sha256:<64 lower-case hex digits>"):
        check_reference(reference)


def test_only_a_digest_means_one_image() -> None:
    assert is_digest_reference("tool:1" + DIGEST)
    assert not is_digest_reference("tool:1")


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("registry:5000/team/tool:1.2" + DIGEST, ("registry:5000/team/tool", "1.2", DIGEST[1:])),
        ("registry:5000/tool" + DIGEST, ("registry:5000/tool", None, DIGEST[1:])),
        ("tool:1", ("tool", "1", None)),
    ],
)
def test_a_reference_has_a_name_and_a_tag_or_a_digest(
    reference: str, parts: tuple[str, str | None, str | None]
) -> None:
    assert parts_of(check_reference(reference)) == parts


@pytest.mark.parametrize("name", IMAGES)
def test_a_registry_takes_the_place_of_the_pins_own(name: str) -> None:
    moved = Images(registry="m.example.com/mirror")[name]
    assert isinstance(moved, str)
    assert moved.startswith("m.example.com/mirror/")
    assert IMAGES[name].endswith(moved.removeprefix("m.example.com/mirror/"))
    assert check_reference(moved) == moved
    assert not any("." in part for part in moved.split("@")[0].split(":")[0].split("/")[2:-1])


def test_an_override_replaces_one_image_and_no_other() -> None:
    images = Images(overrides={"loki": "mirror/loki:1"})
    assert images["loki"] == "mirror/loki:1"
    assert images["grafana"] == IMAGES["grafana"]
