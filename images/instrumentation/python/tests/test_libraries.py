"""What libraries write, and when and where they write it, changes nothing of what is known of a record."""

import json
from pathlib import Path

from conftest import Host, Start

GUIDE = """
import structlog, logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
logger = structlog.get_logger()
order_id, size, price = "A-1", 0.5, 64000.25
logger.info('order_executed', order_id=order_id, size=size, price=price)
from loguru import logger
logger.info("by loguru")
"""


def test_the_guides_example_prints_json(start: Start) -> None:
    host = start(GUIDE)
    assert host.wait() == 0
    executed, by_loguru = host.lines
    assert (executed["level"], executed["message"], executed["order_id"]) == ("info", "order_executed", "A-1")
    assert (executed["size"], executed["price"], executed["service"]) == (0.5, 64000.25, "host")
    assert executed["timestamp"].endswith("Z")
    assert (by_loguru["level"], by_loguru["message"], by_loguru["logger"]) == ("info", "by loguru", "__main__")


def libraries(start: Start) -> Host:
    host = start("libraries.py")
    assert host.wait() == 0, host.lines[-3:]
    assert host.errors == ""
    return host


def spans(host: Host, what: str) -> str:
    return host.saying(f"span {what} ")[0]["message"].split()[-1]


def test_loguru_and_records_that_are_written_elsewhere(start: Start) -> None:
    host = libraries(start)
    (default,) = host.saying("default")
    assert (default["level"], default["logger"], default["message"]) == ("debug", "__main__", "default")
    for what in ("format", "serialize", "enqueue"):
        lines = host.saying(f" of {what}")
        assert [line["message"].split()[0] for line in lines] == ["trace", "success", "warning", "exception", "opt"]
        assert [line["level"] for line in lines] == ["trace", "success", "warning", "error", "error"]
        assert {(line["span_id"], line["trade_id"], line["logger"]) for line in lines} == {
            (spans(host, what), "T1", "__main__")
        }
        assert (lines[1]["order_id"], lines[2]["user_id"]) == (7, "U1")
        for line in lines[3:]:
            assert line["exception"].startswith("Traceback")
            assert (line["err"]["type"], line["err"]["code"]) == ("ConnectionRefusedError", "ECONNREFUSED")
    assert [line["level"] for line in host.saying("intercepted")] == ["warning"]
    queued = host.saying("queued")[1:]
    assert [line["message"] for line in queued] == ["queued", "queued exception"]
    assert {(line["span_id"], line["trade_id"], line["logger"]) for line in queued} == {
        (host.saying("span queued")[0]["message"].split()[-1], "T2", "q")
    }
    assert (queued[0]["n"], queued[1]["err"]["code"]) == (3, "ECONNREFUSED")
    assert [line["trade_id"] for line in host.saying("remembered") + host.saying("pickled")] == ["T3", "T3"]


ERRORS = """
import asyncio, logging, socket, sys
logging.basicConfig(stream=sys.stdout)

def log(error):
    try:
        raise error
    except BaseException:
        logging.exception(type(error).__name__)

class UniqueViolationError(Exception):  # as asyncpg's
    sqlstate, detail, constraint_name, table_name = "23505", "Key (id)=(7) already exists.", "orders_pkey", "orders"

class Diag:
    message_detail, constraint_name, table_name = "Key (id)=(8) already exists.", "orders_pkey", "orders"

class UniqueViolation(Exception):  # as psycopg's
    sqlstate, diag = "23505", Diag()

log(UniqueViolationError("duplicate"))
log(UniqueViolation("duplicate"))
log(ExceptionGroup("several", [ValueError("one"), OSError(111, "Connect call failed ('10.0.0.1', 5432)")]))
failed = "[Errno 111] Connect call failed"
log(OSError(f"Multiple exceptions: {failed} ('::1', 9, 0, 0), {failed} ('127.0.0.1', 9)"))
log(socket.gaierror(-2, "Name or service not known"))
noted = RuntimeError("noted")
noted.add_note("while placing order 7")
log(noted)
try:
    try:
        raise ConnectionResetError(104, "reset")
    except OSError as error:
        raise RuntimeError("store is gone") from error
except RuntimeError as error:
    log(error)

class Odd(Exception):
    def __str__(self): raise KeyError("no")
    def __getattr__(self, name): raise RuntimeError("no")

log(Odd())
long = ValueError("0")
for n in range(5000):
    made = ValueError(str(n)); made.__cause__ = long; long = made
log(long)
log(ExceptionGroup("wide", [ValueError("x") for _ in range(20000)]))
"""


def test_errors_say_what_matters(start: Start) -> None:
    host = start(ERRORS)
    assert host.wait() == 0
    by = {line["message"]: line for line in host.lines}
    for name, key in (("UniqueViolationError", 7), ("UniqueViolation", 8)):
        line = by[name]
        assert (line["err"]["code"], line["err"]["constraint"], line["err"]["table"]) == (
            "23505",
            "orders_pkey",
            "orders",
        )
        assert line["err"]["detail"] == f"Key (id)=({key}) already exists."
    inner = host.lines[2]["err"]["errors"]
    assert inner[0] == {"type": "ValueError", "message": "ValueError: one"}
    assert (inner[1]["code"], inner[1]["address"], inner[1]["port"]) == (
        "ECONNREFUSED",
        "10.0.0.1",
        5432,
    )
    assert "ValueError: one" in host.lines[2]["exception"]
    several = host.lines[3]
    assert (several["err"]["code"], several["err"]["address"], several["err"]["port"]) == ("ECONNREFUSED", "::1", 9)
    assert [each["address"] for each in several["err"]["errors"]] == ["::1", "127.0.0.1"]
    assert by["gaierror"]["err"]["code"] == "EAI_NONAME"
    assert host.lines[5]["exception"].endswith("while placing order 7")
    assert (host.lines[6]["err"]["type"], host.lines[6]["err"]["code"]) == ("RuntimeError", "ECONNRESET")
    assert by["Odd"]["err"]["type"] == "Odd"
    assert len(host.lines) == 10
    assert all(len(json.dumps(line)) < 256 * 1024 for line in host.lines)


BOUNDED = r"""
import datetime, decimal, logging, sys
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s", level=logging.INFO)
cyclic = {}; cyclic["self"] = cyclic
deep = []
for _ in range(100000): deep = [deep]
class Raises:
    def __str__(self): raise RuntimeError
    __repr__ = __str__
class Huge:
    def __str__(self): return "h" * 5_000_000
values = [
    "x" * 5_000_000, "\x00" * 1_000_000, "\U0001f600" * 300_000, "\ud83d", {str(n): n for n in range(1_000_000)}, cyclic, deep,
    Raises(), Huge(), b"\xff" * 1_000_000, decimal.Decimal("1234567890.123456789"),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    10 ** 100_000, 10 ** 30, float("nan"), {1: 2, None: 3, (1, 2): 4}, {Raises()}, list(range(1_000_000)), ["\x00" * 70_000] * 100,
]
for value in values:
    logging.info("value", extra={"value": value, "after": 1})
print("y" * 5_000_000)
for _ in range(300_000): sys.stdout.write("z")
sys.stdout.write("\n")
print('{"message": "money", "a": 1234567890.123456789, "b": 0.10, "c": 1e400, "d": 12345678901234567890}')
print('{"a":' * 100_000)
print('{"a": ' + "[" * 100_000)
print("end")
"""


def test_what_a_record_costs_is_bounded(start: Start) -> None:
    host = start(BOUNDED)
    assert host.wait(60) == 0
    values = [line for line in host.lines if line["message"] == "value"]
    assert len(values) == 19
    assert all(line["after"] == 1 for line in values)
    assert all(
        len(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass")) <= 256 * 1024 for line in host.lines
    )
    assert "characters cut" in values[0]["value"]
    assert values[10]["value"] == "1234567890.123456789"
    assert values[11]["value"] == "2026-01-01T00:00:00+00:00"
    assert values[13]["value"] == 10**30
    long, pieces, money = host.lines[19:22]
    assert long["message"].startswith("yyy")
    assert "characters cut" in long["message"]
    assert pieces["message"].startswith("zzz")
    assert (money["a"], money["b"], money["c"], money["d"]) == (
        "1234567890.123456789",
        0.1,
        "1e400",
        12345678901234567890,
    )
    assert host.lines[-1]["message"] == "end"


def test_extra_fields_of_json_formatters_stay(start: Start, tmp_path: Path) -> None:
    program = (
        "import logging, sys\nfrom pythonjsonlogger.json import JsonFormatter\n"
        "handler = logging.StreamHandler(sys.stdout)\nhandler.setFormatter(JsonFormatter('%(name)s %(message)s'))\n"
        "own = logging.FileHandler('own.json')\nown.setFormatter(JsonFormatter())\n"
        "logging.basicConfig(handlers=[handler, own], level=logging.INFO)\n"
        "logging.getLogger('j').error('as json', extra={'trade_id': 'T1'})\n"
    )
    host = start(program)
    assert host.wait() == 0
    (line,) = host.lines
    assert (line["level"], line["message"], line["trade_id"], line["logger"]) == ("error", "as json", "T1", "j")
    assert json.loads((tmp_path / "own.json").read_text()) == {"message": "as json", "trade_id": "T1"}
