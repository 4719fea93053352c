"""A service of several processes as strangers write them: each does some work, counts it, and waits for its word to end."""

import concurrent.futures
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

from opentelemetry import trace
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server

DONE = Counter("done_total", "Work.", ["by"])
SECONDS = Histogram("work_seconds", "Work.", buckets=(1, 5))
OPEN = Gauge("open_orders", "Now.")
TRACER = trace.get_tracer("host")
DONE.labels("parent").inc(5)
SECONDS.observe(0.5)
OPEN.set(3)


def wait_for(name):
    while not Path(name).exists():
        time.sleep(0.02)


def work(number):
    DONE.labels("child").inc()
    SECONDS.observe(2)
    OPEN.set(10 + number)
    print("worked")
    wait_for("end")
    return number


def short(number):
    DONE.labels("short").inc()
    return number


def serve():
    start_http_server(int(os.environ["METRICS_PORT"]), addr="127.0.0.1")
    DONE.labels("served").inc()
    print("serves")
    wait_for("end")


def forked():
    if os.fork() == 0:
        work(0)
        sys.exit(0)
    os.wait()


def closing():
    DONE.labels("child").inc()
    wait_for("end")
    os.closerange(3, 256)
    DONE.labels("child").inc()
    print("closed")
    wait_for("leave")


def locked():
    """Another thread is at the metrics, and so has their locks, while this one forks."""
    counter, held = DONE.labels("child"), threading.Event()

    def hold():
        with counter._value._lock, DONE._lock, REGISTRY._lock:
            held.set()
            wait_for("end")

    threading.Thread(target=hold, daemon=True).start()
    held.wait()
    if os.fork() == 0:
        DONE.labels("child").inc()
        print("worked")
        os._exit(0)
    os.wait()


def traced(number):
    with TRACER.start_as_current_span(f"child {number}"):
        pass
    if number == "waits":
        print("worked")
        time.sleep(60)


def spans(context):
    """Of children that end, of one that is told to, and of pools, whose workers are."""
    TRACER.start_span("parent").end()
    trace.get_tracer_provider().force_flush()  # what sends them is at work before the fork
    children = [context.Process(target=traced, args=(name,)) for name in ("ends", "waits")]
    for child in children:
        child.start()
    children[0].join()
    wait_for("end")
    children[1].terminate()
    children[1].join()
    with context.Pool(1) as pool:
        pool.map(traced, ["pooled"])


def daemon():
    """The usual way: two forks, whose parents end, and no file stays open."""
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid() if os.getsid(0) != os.getpid() else None
    os.closerange(3, 256)
    file = os.open("own", os.O_RDWR | os.O_CREAT)
    DONE.labels("daemon").inc()
    print("daemon", os.getpid())
    wait_for("end")
    os.lseek(file, 0, 0)
    assert os.read(file, 10) == b"", "somebody else wrote to it"


if __name__ == "__main__":
    kind = sys.argv[1]
    if kind in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(kind)
        children = [context.Process(target=work, args=(number,)) for number in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
    elif kind == "pool":
        with multiprocessing.Pool(2, maxtasksperchild=1) as pool:
            print(sorted(pool.map(short, range(4))))
    elif kind == "futures":
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            print(sorted(pool.map(short, range(4))))
    elif kind == "serve":
        child = multiprocessing.Process(target=serve)
        child.start()
        child.join()
    elif kind == "os.fork":
        forked()
    elif kind == "closing":
        child = multiprocessing.Process(target=closing)
        child.start()
        child.join()
    elif kind == "locked":
        locked()
    elif kind == "spans":
        spans(multiprocessing.get_context(sys.argv[2]))
    elif kind == "daemon":
        daemon()
    print("ended")
    wait_for("leave")
