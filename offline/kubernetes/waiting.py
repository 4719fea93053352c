"""Waits until an object of the cluster is ready, or gone."""

import threading
import time
from collections.abc import Callable

from offline.kubernetes import metadata
from offline.kubernetes.cluster import Cluster, NoSuchKind, Object
from offline.kubernetes.ready import Check

DEFAULT_SECONDS = 600.0
POLL_SECONDS = 1.0
_WITHOUT_WAITING = {"DaemonSet", "Deployment", "Job", "Namespace", "Pod", "ReplicationController", "StatefulSet"}
"""The kinds for which the annotation that says not to wait also applies to their deletion."""

ShowProgress = Callable[[str], None]


class NotReady(Exception):
    """The object did not become ready, or was not deleted. ``live`` is its current state."""

    def __init__(self, live: Object, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.live = live
        self.reasons = reasons


def seconds_for(timeout_option: float, inputs: Object) -> float:
    """How long to wait: the resource option, else the annotation, else ten minutes."""
    annotated = metadata.annotation(inputs, metadata.TIMEOUT)
    return timeout_option or (float(annotated) if annotated.isdigit() else DEFAULT_SECONDS)


def until_ready(
    cluster: Cluster, live: Object, check: Check, seconds: float, cancelled: threading.Event, show: ShowProgress
) -> Object:
    """Poll the object until the check says that it is ready, and show its progress whenever that changes."""
    end, shown = time.monotonic() + seconds, ""
    while True:
        progress = check(live)
        if progress.ready:
            show("")
            return live
        text = "; ".join([progress.message, *progress.problems[:3]])
        if text != shown:
            show(text)
            shown = text
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
    cluster: Cluster, live: Object, inputs: Object, seconds: float, cancelled: threading.Event, show: ShowProgress
) -> None:
    """Poll the object until it is gone, or another object has its name."""
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
            show(f"waiting for the deletion (finalizers: {finalizers})")
        if cancelled.wait(pause):
            raise NotReady(left, ["the wait for the deletion was cancelled"])
        if time.monotonic() > end:
            raise NotReady(left, [f"not deleted after {seconds:.0f} seconds; its finalizers are: {finalizers}"])
        pause = min(2 * pause, POLL_SECONDS)
