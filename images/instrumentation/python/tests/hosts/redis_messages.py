"""Publishes each message by each way of redis-py, and hears it by each way; says what differs. Knows nothing of the package."""

import asyncio
import os
import sys
import warnings

import redis
import redis.asyncio
from messages import AS_THEY_ARE, ENCLOSED, MESSAGES, OF_BYTES, Text
from opentelemetry import trace

warnings.simplefilter("error", RuntimeWarning)  # a coroutine that nobody awaits
PORT = int(os.environ["REDIS_PORT"])


def same(heard, message):
    if isinstance(message, Text):
        message = b"sealed"
    elif isinstance(message, (int, float)):
        message = repr(message).encode()
    elif isinstance(message, str):
        message = message.encode()
    return (heard.encode() if isinstance(heard, str) else heard) == bytes(message)


def say(way, message, heard):
    if not same(heard, message):
        print(f"{way} differs: {bytes(str(message), 'utf-8')[:80]!r} became {heard[:160]!r}")


def next_of(subscription):
    while True:
        found = subscription.get_message(timeout=5)
        if found and found["type"].endswith("message"):
            return found["data"]


async def anext_of(subscription):
    async for found in subscription.listen():
        if found["type"].endswith("message"):
            return found["data"]
    return None


def in_turn():
    client = redis.Redis(port=PORT)
    plain = client.pubsub(ignore_subscribe_messages=True)
    plain.subscribe("sync")
    patterns = client.pubsub(ignore_subscribe_messages=True)
    patterns.psubscribe("syn?")
    shards = client.pubsub(ignore_subscribe_messages=True)
    sharded = hasattr(shards, "ssubscribe")  # redis-py 5 and newer
    if sharded:
        shards.ssubscribe("sync")
    for each in (plain, patterns, *([shards] if sharded else [])):
        each.get_message(timeout=5)
    ways = {
        "publish": lambda message: client.publish("sync", message),
        "command": lambda message: client.execute_command("publish", b"sync", message),
        "pipeline": lambda message: client.pipeline().set("k", 1).publish("sync", message).execute(),
        "transaction": lambda message: client.transaction(lambda pipe: pipe.publish("sync", message), "k"),
    }
    for message in MESSAGES:
        for way, publish in ways.items():
            publish(message)
            say(way, message, next_of(plain))
            say(f"{way} by pattern", message, next_of(patterns))
        client.execute_command("SPUBLISH", "sync", message)
        if sharded:
            say("shards", message, shards.get_message(timeout=5)["data"])
    for wrong in (None, [1], object()):
        try:
            client.publish("sync", wrong)
        except redis.DataError:
            continue
        print(f"differs: {wrong!r} was taken")


async def side_by_side():
    client = redis.asyncio.Redis(port=PORT)
    plain = client.pubsub(ignore_subscribe_messages=True)
    await plain.subscribe("async")
    await plain.get_message(timeout=5)

    async def by_pipeline(message):
        async with client.pipeline() as pipe:
            await pipe.publish("async", message).set("k", 1).execute()

    async def watched(message):
        async with client.pipeline() as pipe:
            await pipe.watch("k")
            await pipe.publish("async", message)

    async def by_task(message):
        gone = asyncio.create_task(client.publish("async", message))
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await asyncio.gather(client.publish("async", message))

    ways = {
        "asyncio": lambda message: client.publish("async", message),
        "asyncio command": lambda message: client.execute_command("PUBLISH", "async", message),
        "asyncio pipeline": by_pipeline,
        "asyncio watched": watched,
        "asyncio task": by_task,
    }
    for message in MESSAGES:
        for way, publish in ways.items():
            await publish(message)
            say(way, message, await anext_of(plain))


def decoded():
    client = redis.Redis(port=PORT, decode_responses=True)
    plain = client.pubsub(ignore_subscribe_messages=True)
    plain.subscribe("decoded")
    plain.get_message(timeout=5)
    for message in (each for each in MESSAGES if type(each) is str):
        client.publish("decoded", message)
        say("decoded", message, next_of(plain))


def in_a_cluster():
    from redis.cluster import RedisCluster

    port = int(os.environ["CLUSTER_PORT"])
    client = RedisCluster(host="127.0.0.1", port=port)
    plain = client.pubsub(ignore_subscribe_messages=True)
    plain.subscribe("cluster")
    plain.get_message(timeout=5)
    for message in MESSAGES:
        client.publish("cluster", message)
        say("cluster", message, next_of(plain))

    async def also():
        async with redis.asyncio.RedisCluster(host="127.0.0.1", port=port) as client:
            for message in MESSAGES if hasattr(client, "publish") else ():  # redis-py 5 and newer
                await client.execute_command("PUBLISH", "cluster", message)
                say("asyncio cluster", message, next_of(plain))

    asyncio.run(also())


def on_the_wire():
    client = redis.Redis(port=PORT)
    for message in [*ENCLOSED, *AS_THEY_ARE, *OF_BYTES[2:]]:
        client.publish("wire", message)
    client.publish("wire", "end")


if __name__ == "__main__":
    with trace.get_tracer("host").start_as_current_span("work"):
        for part in (on_the_wire, in_turn, lambda: asyncio.run(side_by_side()), decoded, in_a_cluster):
            part()
    print("works")
    sys.exit(0)
