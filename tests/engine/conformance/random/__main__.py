"""One random resource of each kind; the variable CHANGES names the changes to make, if any."""

import os
from typing import TypeVar

import pulumi_random as random

T = TypeVar("T")
CHANGES = os.environ.get("CHANGES", "").split()


def changed(by: str, then: T, otherwise: T) -> T:
    """One of two values: the first in a run that makes this change."""
    return then if by in CHANGES else otherwise


random.RandomPassword(
    "password",
    length=changed("password-length", 32, 24),
    special=changed("password-special", True, False),
    keepers={"rotation": changed("password-keepers", "2", "1")},
)
random.RandomId("id", byte_length=changed("id-length", 8, 4))
random.RandomString("string", length=changed("string-length", 10, 8), special=False)
random.RandomUuid("uuid")
