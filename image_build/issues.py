"""One thing that is wrong with a checkout."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckoutIssue:
    """``what`` is wrong, in one sentence, and its ``fix``. With a ``fatal`` one the image cannot be built."""

    service: str
    what: str
    fix: str
    fatal: bool = False

    @property
    def line(self) -> str:
        return f"{self.service}: {self.what}; fix: {self.fix}"
