"""One thing that a checkout lacks."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckoutIssue:
    """``what`` is missing, in one sentence, and the ``mend``. A ``fatal`` one leaves nothing to build."""

    service: str
    what: str
    fix: str
    fatal: bool = False

    @property
    def line(self) -> str:
        return f"{self.service}: {self.what}; mend: {self.fix}"
