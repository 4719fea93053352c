"""``python -m backtester.backtester_main STRATEGY DATA START END``: prints the result as one JSON object.

Exit code 0 with a result, 2 for wrong arguments or data, 1 for a strategy that fails. START counts, END does not.
"""

import argparse
import importlib
import json
import logging
import os
import pkgutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from backtester import strategies
from backtester.prices import BadInput, moment, read
from backtester.run import run

logger = structlog.get_logger("backtester")


def main(arguments: Sequence[str] | None = None) -> int:
    known = sorted(module.name for module in pkgutil.iter_modules(strategies.__path__))
    parser = argparse.ArgumentParser(
        prog="backtester", description="A strategy's result over recorded prices, as JSON."
    )
    parser.add_argument("strategy", choices=known)
    parser.add_argument("data", type=Path, help="CSV with timestamp and close")
    parser.add_argument("start", help="first moment that counts, as 2024-01-31")
    parser.add_argument("end", help="first moment that no longer counts")
    chosen = parser.parse_args(arguments)
    configure_logs()
    job = {"strategy": chosen.strategy, "data": str(chosen.data), "start": chosen.start, "end": chosen.end}
    logger.info("backtest_started", **job)
    began = time.perf_counter()
    try:
        bars = read(chosen.data, moment(chosen.start, "START"), moment(chosen.end, "END"))
        strategy = importlib.import_module(f"{strategies.__name__}.{chosen.strategy}")
        result = run(bars, strategy.positions).as_json()
    except BadInput as error:
        logger.error("backtest_refused", problem=str(error), **job)
        return 2
    except Exception:
        logger.exception("backtest_failed", **job)
        return 1
    logger.info("backtest_completed", seconds=round(time.perf_counter() - began, 3), **job, **result)
    print(json.dumps({"message": "result", **job, **result}))
    return 0


def configure_logs() -> None:
    """JSON lines on stdout, above the level in LOG_LEVEL."""
    level = logging.getLevelNamesMapping().get(os.environ.get("LOG_LEVEL", "info").upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            lambda _logger, _method, event: {"service": "backtester", **event},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


if __name__ == "__main__":
    sys.exit(main())
