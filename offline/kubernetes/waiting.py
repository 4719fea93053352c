"""Waiting for the cluster: until an object is ready, or gone."""

import threading
import time
from collections.abc import Callable

from offline.kubernetes import metadata
from offline.kubernetes.cluster import Cluster, NoSuchKind, Object
from offline.kubernetes.ready import Check

DEFAULT_SECONDS = 600.0
POLL_SECONDS = 1.0
_WITHOUT_WAITING = {"DaemonSet", "Deployment", "Job", "Namespace", "Pod", "ReplicationController", "StatefulSet"}
"""The kinds whose deletion is not waited for either when their annotation says not to wait."""

ShowProgress = Callable[[str], None]


class NotReady(Exception):
    """The object did not get there; ``live`` is what it is now."""

    def __init__(self, live: Object, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.live = live
        self.reasons = reasons


def seconds_for(timeout_option: float, inputs: Object) -> float:
    """How long to wait: the resource option, the annotation, or ten minutes."""
    annotated = metadata.annotation(inputs, metadata.TIMEOUT)
    return timeout_option or (float(annotated) if annotated.isdigit() else DEFAULT_SECONDS)


def until_ready(
    cluster: Cluster, live: Object, check: Check, seconds: float, cancelled: threading.Event, tell: ShowProgress
) -> Object:
    """Look again and again until the check is content; says how far it is whenever that changes."""
    end, told = time.monotonic() + seconds, ""
    while True:
        progress = check(live)
        if progress.ready:
            tell("")
            return live
        text = "; ".join([progress.message, *progress.problems[:3]])
        if text != told:
            tell(text)
            told = text
        if progress.failed:
            raise NotReady(live, progress.problems)
        if cancelled.wait(POLL_SECONDS):
            raise NotReady(live, ["the wait was cancelled", *progress.problems])
        if time.monotonic() > end:
            raise NotReady(live, [f"not ready after {seconds:.0f} seconds: {progress.message}", *progress.problems])
        found = cluster.read(live)
        if found is None:
            raise NotReady(live, ["the object was deleted while it was waited for"])
        live = found


def until_gone(
    cluster: Cluster, live: Object, inputs: Object, seconds: float, cancelled: threading.Event, tell: ShowProgress
) -> None:
    """Look again and again until the object is gone, or another has taken its name."""
    if metadata.annotation(inputs, metadata.SKIP_AWAIT) == "true" and live["kind"] in _WITHOUT_WAITING:
        return
    end, pause, uid = time.monotonic() + seconds, 0.05, live["metadata"].get("uid")
    while True:
        try:
            left = cluster.read(live)
        except NoSuchKind:
            return
        if left is None or left["metadata"].get("uid") != uid:
            return
        finalizers = ", ".join(left["metadata"].get("finalizers") or []) or "none"
        if pause >= POLL_SECONDS:
            tell(f"waiting for the deletion (finalizers: {finalizers})")
        if cancelled.wait(pause):
            raise NotReady(left, ["the wait for the deletion was cancelled"])
        if time.monotonic() > end:
            raise NotReady(left, [f"not deleted after {seconds:.0f} seconds; its finalizers are: {finalizers}"])
        pause = min(2 * pause, POLL_SECONDS)
