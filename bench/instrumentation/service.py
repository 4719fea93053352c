"""The measured service in Python: a JSON body, a wait as for an exchange or a store, one log line, a JSON answer."""

import asyncio
import logging
import os
import random
import sys

from aiohttp import web

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("orders")
WAIT_SECONDS = float(os.environ["WAIT_MS"]) / 1000
"""The average wait. It varies, since equal waits would make all connections send at the same time and measure their own queue."""


async def order(request: web.Request) -> web.Response:
    body = await request.json()
    await asyncio.sleep(WAIT_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    log.info("order %s of %s", request.match_info["id"], body["size"])
    return web.json_response({"id": request.match_info["id"], "notional": body["size"] * body["price"]})


app = web.Application()
app.add_routes([web.post("/api/orders/{id}", order)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)
