"""An aiohttp service of a stranger, for gunicorn."""

import os

from aiohttp import web
from prometheus_client import Counter

ORDERS = Counter("orders_total", "Own.") if os.environ.get("OWN") != "nothing" else None


async def order(request):
    ORDERS.inc()
    return web.json_response({"pid": os.getpid()})


app = web.Application()
app.router.add_get("/orders/{number}", order)
