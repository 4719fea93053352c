"""A Flask service of a stranger, for gunicorn."""

import io
import logging
import os
import sys

from flask import Blueprint, Flask, Response, abort, send_file
from prometheus_client import Counter, Gauge

logging.basicConfig(stream=sys.stdout, level=logging.INFO)
app = Flask(__name__)
ORDERS = Counter("orders_total", "Own.")
LAST = Gauge("last_order", "Own.")
api = Blueprint("api", __name__, url_prefix="/api")


@app.get("/orders/<int:number>")
def order(number):
    if number == 404:
        abort(404)
    ORDERS.inc()
    LAST.set(number)
    app.logger.info("order read")
    return {"pid": os.getpid()}


@app.get("/broken")
def broken():
    raise ValueError("broken")


@app.get("/stream")
def stream():
    return Response((f"data: {n}\n\n" for n in range(3)), mimetype="text/event-stream")


@app.get("/long")
def long():
    return Response("x" * 65536 for _ in range(2000))


@app.get("/file")
def file():
    return send_file(io.BytesIO(b"abc"), download_name="a.txt")


@api.post("/orders")
def place():
    return {}, 201


app.register_blueprint(api)
