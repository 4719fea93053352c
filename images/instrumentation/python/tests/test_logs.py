"""Whatever a host writes is one JSON object a line. None of these hosts knows of the package."""

import re

import pytest
from conftest import Start

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_every_line_has_time_level_logger_message_and_service(start: Start) -> None:
    host = start(
        "import logging, sys\nprint('plain')\nlogging.getLogger('x').error('bad')\nsys.stderr.write('aside\\n')\n"
    )
    assert host.wait() == 0
    assert [(line["level"], line["logger"], line["message"]) for line in host.lines] == [
        ("info", "stdout", "plain"),
        ("error", "x", "bad"),
        ("warning", "stderr", "aside"),
    ]
    assert all(TIME.fullmatch(line["timestamp"]) and line["service"] == "host" for line in host.lines)
    assert host.errors == ""


def test_basic_config_of_the_host_is_obeyed_but_for_its_format(start: Start) -> None:
    program = (
        "import logging, sys\n"
        "logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format='%(levelname)s:%(message)s')\n"
        "logging.info('hidden')\nlogging.warning('%s shown', 'is', extra={'trade_id': 'T1'})\n"
    )
    host = start(program)
    assert host.wait() == 0
    (line,) = host.lines
    assert (line["level"], line["message"], line["trade_id"]) == ("warning", "is shown", "T1")


@pytest.mark.parametrize(("level", "shown"), [("debug", 3), ("warning", 1), ("WARN", 1)])
def test_log_level_counts_more_than_what_the_host_chooses(start: Start, level: str, shown: int) -> None:
    program = (
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout, level=logging.INFO)\n"
        "logging.debug('d')\nlogging.info('i')\nlogging.warning('w')\n"
    )
    host = start(program, LOG_LEVEL=level)
    assert host.wait() == 0
    assert len(host.lines) == shown


def test_a_dict_config_of_the_host_gives_lines_too(start: Start) -> None:
    program = (
        "import logging.config\n"
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': True,"
        " 'formatters': {'f': {'format': '%(asctime)s %(message)s'}},"
        " 'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f'}},"
        " 'root': {'level': 'INFO', 'handlers': ['h']}})\n"
        "logging.getLogger('a.b').info('configured')\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert [(line["logger"], line["message"]) for line in host.lines] == [("a.b", "configured")]


def test_files_that_the_host_logs_to_are_its_own(start: Start, tmp_path) -> None:
    host = start(
        "import logging\nlogging.basicConfig(filename='own.log', level=logging.INFO, format='%(message)s')\nlogging.info('mine')\n"
    )
    assert host.wait() == 0
    assert (tmp_path / "own.log").read_text() == "mine\n"
    assert host.lines == []


def test_a_record_of_several_lines_is_one_line(start: Start) -> None:
    host = start(
        "print('first\\nsecond')\nprint('a', 'b', end='')\nprint(' c')\nimport sys\nsys.stdout.write('no end')\n"
    )
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == ["first\nsecond", "a b c", "no end"]


def test_structlog_unconfigured_and_configured_for_the_eye_gives_the_same_lines(start: Start) -> None:
    program = (
        "import structlog\n"
        "structlog.get_logger('n').info('order_executed', order_id=7)\n"
        "structlog.configure(processors=[structlog.stdlib.add_log_level, structlog.dev.ConsoleRenderer()])\n"
        "structlog.get_logger('n').warning('order_late', order_id=8)\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert [(line["level"], line["message"], line["order_id"]) for line in host.lines] == [
        ("info", "order_executed", 7),
        ("warning", "order_late", 8),
    ]


def test_json_of_the_host_keeps_its_fields_and_gets_ours(start: Start) -> None:
    program = (
        "import structlog\nstructlog.configure(processors=[structlog.processors.JSONRenderer()])\n"
        'structlog.get_logger().info(\'own\', price=1.5)\nprint(\'{"level": "WARN", "msg": "theirs", "n": 1}\')\n'
    )
    host = start(program)
    assert host.wait() == 0
    assert [(line["level"], line["message"], line["service"]) for line in host.lines] == [
        ("info", "own", "host"),
        ("warning", "theirs", "host"),
    ]
    assert host.lines[0]["price"] == 1.5
    assert host.lines[1]["n"] == 1


def test_bound_context_is_on_every_line_whoever_writes_it(start: Start) -> None:
    program = (
        "import logging, structlog\nstructlog.contextvars.bind_contextvars(user_id='u1', trade_id='t1')\n"
        "logging.warning('std')\nprint('plain')\nstructlog.get_logger().info('own')\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert [(line["user_id"], line["trade_id"]) for line in host.lines] == [("u1", "t1")] * 3


def test_an_uncaught_exception_is_one_line_and_the_exit_code_stays(start: Start) -> None:
    host = start("def f():\n    raise ValueError('lost')\nf()\n")
    assert host.wait() == 1
    (line,) = host.lines
    assert (line["level"], line["message"]) == ("critical", "ValueError: lost")
    assert "in f\n" in line["exception"]
    assert host.errors == ""


def test_an_exception_of_a_thread_a_task_and_a_logger_has_its_stack(start: Start) -> None:
    program = (
        "import asyncio, logging, threading\n"
        "def fail(): raise KeyError('k')\n"
        "t = threading.Thread(target=fail, name='T'); t.start(); t.join()\n"
        "try: fail()\nexcept KeyError: logging.exception('caught')\n"
        "async def main():\n    asyncio.create_task(coroutine()); await asyncio.sleep(0.05)\n"
        "async def coroutine(): fail()\n"
        "asyncio.run(main())\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert len(host.lines) == 3
    assert all("KeyError: 'k'" in line["exception"] for line in host.lines)
    assert host.lines[0]["thread"] == "T"
    assert host.lines[1]["message"] == "caught"


def test_a_printed_traceback_is_one_record(start: Start) -> None:
    host = start(
        "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()\nprint('on')\n"
    )
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == ["ZeroDivisionError: division by zero", "on"]
    assert host.lines[0]["exception"].startswith("Traceback")


def test_warnings_are_lines(start: Start) -> None:
    host = start("import warnings\nwarnings.warn('old way')\n")
    assert host.wait() == 0
    assert [line["level"] for line in host.saying("old way")] == ["warning"]
    assert host.errors == ""


def test_lines_of_threads_are_whole(start: Start) -> None:
    program = (
        "import threading\ndef say(n):\n    for i in range(200): print('x' * 200, n, i)\n"
        "all = [threading.Thread(target=say, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in all]; [t.join() for t in all]\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert len(host.lines) == 1600


def test_values_that_are_no_json_do_not_stop_a_line(start: Start) -> None:
    program = (
        "import logging\nclass Odd:\n    def __str__(self): raise RuntimeError\n"
        "logging.warning('odd', extra={'a': Odd(), 'b': float('nan'), 'c': {1, 2}})\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert host.lines[0]["a"] == "<Odd>"


def test_a_forked_child_goes_on_writing_lines(start: Start) -> None:
    host = start("import os\npid = os.fork()\nprint('child' if pid == 0 else 'parent')\nif pid: os.waitpid(pid, 0)\n")
    assert host.wait() == 0
    assert sorted(line["message"] for line in host.lines) == ["child", "parent"]


def test_a_formatter_that_copies_the_copy_of_a_record_works(start: Start) -> None:
    program = (
        "import copy, logging, sys, pickle\n"
        "class Twice(logging.Formatter):\n"
        "    def formatMessage(self, record):\n"
        "        record = pickle.loads(pickle.dumps(copy.copy(copy.copy(record))))\n"
        "        return super().formatMessage(copy.deepcopy(record))\n"
        "handler = logging.StreamHandler(sys.stdout)\nhandler.setFormatter(Twice())\n"
        "logging.basicConfig(handlers=[handler])\nlogging.warning('copied')\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == ["copied"]
