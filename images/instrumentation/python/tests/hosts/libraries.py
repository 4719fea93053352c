"""loguru, and records that are written elsewhere than they were made."""

import logging
import logging.handlers
import pickle
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog
from loguru import logger
from opentelemetry import trace


def fail():
    raise ConnectionRefusedError(111, "refused")


def traced(name):
    return trace.get_tracer("t").start_as_current_span(name)


def all_of_loguru(what):
    with traced("work") as span, structlog.contextvars.bound_contextvars(trade_id="T1"):
        print("span", what, f"{span.get_span_context().span_id:016x}")
        logger.trace(f"trace of {what}")
        logger.bind(order_id=7).success(f"success of {what}")
        with logger.contextualize(user_id="U1"):
            logger.warning(f"warning of {what}")
        try:
            fail()
        except OSError:
            logger.exception(f"exception of {what}")
            logger.opt(exception=True).error(f"opt of {what}")


logger.debug("default")
logger.remove()
for what, options in {
    "format": {"format": "{time} | {level} | {message}"},
    "serialize": {"serialize": True},
    "enqueue": {"enqueue": True},
}.items():
    sink = logger.add(sys.stdout, level="TRACE", **options)
    all_of_loguru(what)
    logger.complete()
    logger.remove(sink)
own = logger.add("own.log", format="{message}", level="INFO")
with logger.catch(message="caught"):
    fail()
logger.remove(own)
assert Path("own.log").read_text().startswith("caught\nTraceback")
logger.add(sys.stdout)


class Intercept(logging.Handler):
    def emit(self, record):
        logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())


logging.basicConfig(handlers=[Intercept()], level=0, force=True)
logging.getLogger("x").warning("intercepted")
logger.remove()

waiting = queue.Queue()
listener = logging.handlers.QueueListener(waiting, logging.StreamHandler(sys.stdout))
logging.basicConfig(handlers=[logging.handlers.QueueHandler(waiting)], level=logging.INFO, force=True)
listener.start()


def work():
    with traced("queued") as span, structlog.contextvars.bound_contextvars(trade_id="T2"):
        print("span queued", f"{span.get_span_context().span_id:016x}")
        logging.getLogger("q").warning("queued", extra={"n": 3})
        try:
            fail()
        except OSError:
            logging.getLogger("q").exception("queued exception")


with ThreadPoolExecutor(2) as pool:
    pool.submit(work).result()
listener.stop()

memory = logging.handlers.MemoryHandler(10, target=logging.StreamHandler(sys.stdout))
logging.basicConfig(handlers=[memory], level=logging.INFO, force=True)
with structlog.contextvars.bound_contextvars(trade_id="T3", odd=threading.Lock()):
    logging.info("remembered")
    record = memory.buffer[0]
    assert sorted(record.__dict__) == sorted(logging.makeLogRecord({}).__dict__)
    again = pickle.loads(pickle.dumps(record))  # noqa: S301 - its own
    assert (again.getMessage(), type(again)) == ("remembered", logging.LogRecord)
    again.msg = "pickled"
threading.Thread(target=lambda: (memory.flush(), memory.target.handle(again))).start()
