"""A FastAPI service of a stranger, for uvicorn and gunicorn."""

import asyncio
import logging
import os
import sys

from fastapi import APIRouter, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

logging.basicConfig(stream=sys.stdout, level=logging.INFO)
app = FastAPI()
sub = FastAPI()
router = APIRouter(prefix="/api")
ORDERS = Counter("orders_total", "Own.")


@app.get("/orders/{number}")
async def order(number: int):
    if number == 404:
        raise HTTPException(404)
    ORDERS.inc()
    logging.getLogger("web").info("order read")
    return {"pid": os.getpid()}


@app.get("/broken")
async def broken():
    raise ValueError("broken")


@app.get("/stream")
async def stream():
    async def parts():
        for number in range(3):
            yield f"data: {number}\n\n"

    return StreamingResponse(parts(), media_type="text/event-stream")


@app.get("/long")
async def long():
    async def parts():
        for _ in range(2000):
            yield b"x" * 65536
            await asyncio.sleep(0)

    return StreamingResponse(parts())


@app.websocket("/socket/{name}")
async def socket(websocket: WebSocket, name: str):
    await websocket.accept()
    await websocket.send_text(name)
    await websocket.close()


@router.post("/orders")
async def place():
    return {}


@sub.get("/page/{name}")
async def page(name: str):
    return {"name": name}


app.include_router(router)
app.mount("/desk/{desk}", sub)

if os.environ.get("OWN") == "opentelemetry":
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app)
elif os.environ.get("OWN") == "instrumentator":
    from prometheus_fastapi_instrumentator import Instrumentator

    Instrumentator().instrument(app)
