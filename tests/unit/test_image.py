"""Image references: pinned once, by tag and digest, and what else may replace them."""

import re

import pytest
from synthesis import ROOT

from components.image import IMAGES, Images, check_reference, is_digest_reference

DIGEST = "@sha256:" + "0a" * 32


@pytest.mark.parametrize("name", IMAGES)
def test_each_pin_has_a_version_for_people_and_a_digest_for_machines(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", IMAGES[name])


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
    "reference", ["", "tool", "tool:latest", "Tool:1", "tool:1@sha256:00", "tool:1 ", "tool@md5:00", "a//b:1"]
)
def test_refused_with_what_to_write(reference: str) -> None:
    with pytest.raises(ValueError, match=r"^expected .*name:tag@sha256:<64 lower-case hex digits>"):
        check_reference(reference)


def test_only_a_digest_means_one_image() -> None:
    assert is_digest_reference("tool:1" + DIGEST)
    assert not is_digest_reference("tool:1")


def test_an_override_replaces_one_image_and_no_other() -> None:
    images = Images(overrides={"loki": "mirror/loki:1"})
    assert images["loki"] == "mirror/loki:1"
    assert images["grafana"] == IMAGES["grafana"]
