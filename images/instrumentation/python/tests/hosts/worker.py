"""A worker as a stranger would write it: an asyncio loop on both buses, with a page that says that it is well."""

import asyncio
import logging
import os
import sys

import aio_pika
import redis.asyncio as redis
from aiohttp import ClientSession, web

logging.basicConfig(stream=sys.stdout, level=logging.INFO)
log = logging.getLogger("worker")


async def healthz(request):
    return web.json_response({"ok": True})


async def order(request):
    if request.match_info["id"] == "bad":
        raise web.HTTPBadRequest(text="no such order")
    log.info("order read", extra={"order_id": request.match_info["id"]})
    return web.json_response({"id": request.match_info["id"]})


async def stream(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: 1\n\n")
    return response


async def publish(request):
    body = await request.text()
    await request.app["redis"].publish("exposure_update", body)
    message = aio_pika.Message(body.encode())
    await request.app["exchange"].publish(message, routing_key="exposure_update", mandatory=False)
    return web.json_response({})


async def call(request):
    url = f"http://127.0.0.1:{os.environ['PORT']}/orders/7"
    async with ClientSession() as session, session.get(url) as answer:
        return web.json_response(await answer.json())


async def from_redis(client, ready):
    async with client.pubsub() as channels:
        await channels.subscribe("exposure_update")
        async for message in channels.listen():
            if message["type"] == "subscribe":
                ready.set()
            else:
                log.info("heard on redis: %s", message["data"].decode())


async def from_rabbit_callback(exchange, channel):
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(exchange, "exposure_update")

    async def on_message(message):
        async with message.process():
            log.info("heard by callback: %s", message.body.decode())

    await queue.consume(on_message)


async def from_rabbit_iterator(exchange, channel, ready):
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(exchange, "exposure_update")
    ready.set()
    async with queue.iterator() as messages:
        async for message in messages:
            async with message.process():
                log.info("heard by iterator: %s", message.body.decode())


async def main():
    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/orders/{id}", order), web.get("/stream", stream)])
    app.add_routes([web.post("/publish", publish), web.post("/orders", publish), web.get("/call", call)])
    app["redis"] = redis.Redis(port=int(os.environ["REDIS_PORT"]))
    connection = await aio_pika.connect_robust(port=int(os.environ["RABBITMQ_PORT"]))
    channel = await connection.channel()
    app["exchange"] = await channel.declare_exchange("atlas_bus", aio_pika.ExchangeType.TOPIC, durable=True)
    ready = [asyncio.Event(), asyncio.Event()]
    tasks = [
        asyncio.create_task(from_redis(app["redis"], ready[0])),
        asyncio.create_task(from_rabbit_iterator(app["exchange"], channel, ready[1])),
    ]
    await from_rabbit_callback(app["exchange"], channel)
    await asyncio.gather(*(each.wait() for each in ready))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
    print("ready")
    await asyncio.gather(*tasks)


asyncio.run(main())
