"""``python -m load --api URL --scenario NAME``: see ``--help``. Prints counts as JSON.

Exit code 0 if something was answered, 1 if nothing was or the platform allows no fault, 2 for wrong arguments.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable

from load.client import Client, Stop, session
from load.scenarios import SCENARIOS, Pace


def main() -> int:
    arguments = parser().parse_args()
    try:
        counts = asyncio.run(run(arguments))
    except Stop as stop:
        print(f"load: {stop}", file=sys.stderr)
        return 1
    print(json.dumps({"scenarios": arguments.scenario, "requests": sum(counts.values()), "counts": counts}, indent=2))
    return 0 if any(key.rpartition(" ")[2].isdigit() for key in counts) else 1


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="load", description="Drives the platform for a while, all scenarios at once.")
    made.add_argument("--api", required=True, help="as http://localhost:8000; API_TOKEN in the environment goes along")
    made.add_argument("--ui", help="place orders through ops-ui, signed in as LOAD_USER with LOAD_PASSWORD")
    made.add_argument("--authority", help="file with the certificate that signed that of --ui")
    made.add_argument("--scenario", action="append", required=True, choices=SCENARIOS, help="may be given again")
    made.add_argument("--seconds", type=bounded(1, 3600), default=60, help="1 to 3600, default 60")
    made.add_argument(
        "--rate", type=bounded(0.1, 100), default=1, help="requests a second of each scenario, 0.1 to 100"
    )
    made.add_argument("--users", type=lambda text: int(bounded(1, 100)(text)), default=4, help="1 to 100, default 4")
    made.add_argument("--most", type=lambda text: int(bounded(1, 1e6)(text)), default=10_000, help="requests in all")
    return made


def bounded(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return value

    return number


async def run(arguments: argparse.Namespace) -> dict[str, int]:
    """Counts of what came of each kind of request. SIGTERM and SIGINT end it early, and what it began with it."""
    loop = asyncio.get_running_loop()
    async with session(arguments.authority) as http:
        client = Client(http, arguments.api, arguments.ui, os.environ.get("API_TOKEN"), arguments.most)
        if arguments.ui:
            await client.sign_in(os.environ.get("LOAD_USER", ""), os.environ.get("LOAD_PASSWORD", ""))
        until = loop.time() + arguments.seconds
        pace = Pace(until=until, seconds=arguments.seconds, rate=arguments.rate, users=arguments.users)
        running = asyncio.gather(*(SCENARIOS[name](client, pace) for name in dict.fromkeys(arguments.scenario)))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return dict(sorted(client.counts.items()))


if __name__ == "__main__":
    sys.exit(main())
