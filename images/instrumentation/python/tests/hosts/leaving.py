"""Leaves its subscriptions in each way that there is, and works on. Each way has a channel, and a queue, of its name."""

import asyncio
import contextlib
import gc
import json
import os
import threading

import aio_pika
import redis
import redis.asyncio
from opentelemetry import context, propagate

PARENT = os.environ["PARENT"]
MESSAGE = '{"n":1.0,"_trace":' + json.dumps({"traceparent": PARENT}) + "}"
sync = redis.Redis(port=int(os.environ["REDIS_PORT"]))
kept = []


def subscribed(way):
    subscription = sync.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(way)
    subscription.get_message(timeout=5)
    sync.publish(way, MESSAGE)
    return subscription


def asked(subscription):
    while True:
        if found := subscription.get_message(timeout=5):
            return found


def inside(way):
    print(f"inside {way}")


# In turn.


def break_kept(way):
    subscription = subscribed(way)
    kept.append(subscription)
    for _ in subscription.listen():
        inside(way)
        break


def generator_closed(way):
    messages = subscribed(way).listen()
    next(messages)
    inside(way)
    messages.close()
    kept.append(messages)
    del messages


def closed(way):
    subscription = subscribed(way)
    kept.append(subscription)
    asked(subscription)
    inside(way)
    subscription.close()


def with_block(way):
    with subscribed(way) as subscription:
        kept.append(subscription)
        asked(subscription)
        inside(way)


def dropped(way):
    subscription = subscribed(way)
    asked(subscription)
    inside(way)


def raised(way):
    subscription = subscribed(way)
    kept.append(subscription)
    try:
        for _ in subscription.listen():
            inside(way)
            raise ValueError
    except ValueError as error:
        kept.append(error)


def by_function(way):
    subscription = sync.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(**{way: lambda _: inside(way)})
    kept.append(subscription)
    subscription.get_message(timeout=5)
    sync.publish(way, MESSAGE)
    subscription.get_message(timeout=5)


def by_failing_function(way):
    def fail(_):
        inside(way)
        raise ValueError

    subscription = sync.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(**{way: fail})
    kept.append(subscription)
    subscription.get_message(timeout=5)
    sync.publish(way, MESSAGE)
    with contextlib.suppress(ValueError):
        subscription.get_message(timeout=5)


def two_in_turn(way):
    first, second = subscribed(f"{way}"), subscribed(f"{way}")
    kept.extend((first, second))
    for _ in range(20):
        first.get_message()
        second.get_message()
        sync.publish(way, MESSAGE)
    inside(way)
    while first.get_message(timeout=0.1) or second.get_message(timeout=0.1):
        pass
    second.get_message()


def asked_in_vain(way):
    subscription = subscribed(way)
    kept.append(subscription)
    asked(subscription)
    inside(way)
    subscription.get_message()


def threads(way):
    """A message for each of many threads, none of which asks again."""
    from atlas_instrumentation import handling

    subscription, over = subscribed(way), threading.Event()
    kept.append(subscription)

    def work():
        inside(way)
        over.wait()

    for _ in range(handling.MOST_OPEN + 20):
        asking = threading.Event()

        def ask(asking=asking):
            asked(subscription)
            asking.set()
            work()

        threading.Thread(target=ask).start()
        asking.wait()
        sync.publish(way, MESSAGE)
    print(f"open {len(handling._open[id(subscription)])} of {handling.MOST_OPEN}")
    over.set()


# Side by side.


async def asubscribed(way):
    client = redis.asyncio.Redis(port=int(os.environ["REDIS_PORT"]))
    subscription = client.pubsub(ignore_subscribe_messages=True)
    await subscription.subscribe(way)
    await subscription.get_message(timeout=5)
    await client.publish(way, MESSAGE)
    kept.append(client)
    return subscription


async def abreak(way):
    subscription = await asubscribed(way)
    kept.append(subscription)
    async for _ in subscription.listen():
        inside(way)
        break


async def aclosed(way):
    subscription = await asubscribed(way)
    kept.append(subscription)
    await subscription.get_message(timeout=5)
    inside(way)
    await (subscription.aclose if hasattr(subscription, "aclose") else subscription.close)()


async def awith_block(way):
    async with await asubscribed(way) as subscription:
        kept.append(subscription)
        async for _ in subscription.listen():
            inside(way)
            return


async def araised(way):
    subscription = await asubscribed(way)
    kept.append(subscription)
    try:
        async for _ in subscription.listen():
            inside(way)
            raise ValueError
    except ValueError as error:
        kept.append(error)


async def acancelled(way):
    subscription = await asubscribed(way)
    kept.append(subscription)
    heard = asyncio.Event()

    async def work():
        await subscription.get_message(timeout=5)
        inside(way)
        heard.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await heard.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    kept.append(task)


async def aby_function(way):
    client = redis.asyncio.Redis(port=int(os.environ["REDIS_PORT"]))
    subscription = client.pubsub(ignore_subscribe_messages=True)

    async def function(_):
        await asyncio.sleep(0)
        inside(way)

    await subscription.subscribe(**{way: function})
    kept.extend((client, subscription))
    await subscription.get_message(timeout=5)
    await client.publish(way, MESSAGE)
    await subscription.get_message(timeout=5)


async def aspawned(way):
    """What the handling began is a part of it, also when it is over."""
    subscription = await asubscribed(way)
    over = asyncio.Event()

    async def goes_on():
        await over.wait()
        await asyncio.sleep(0.01)
        inside(way)

    async for _ in subscription.listen():
        task = asyncio.create_task(goes_on())
        break
    over.set()
    await task


async def anested(way):
    """An answer that is waited for while a message is handled."""
    first, second = await asubscribed(way), await asubscribed(f"{way} answer")
    other = MESSAGE.replace('traceparent": "00-0', 'traceparent": "00-f')
    await kept[-1].publish(f"{way} answer", other)
    await second.get_message(timeout=5)
    async for _ in first.listen():
        async for _ in second.listen():
            break
        inside(way)
        break
    await second.aclose() if hasattr(second, "aclose") else await second.close()


async def acollected(way):
    """A loop that only the collector of garbage finds, in another task."""
    subscription = await asubscribed(way)
    kept.append(subscription)
    knot = [subscription.listen()]
    knot.append(knot)
    async for _ in knot[0]:
        inside(way)
        break
    del knot
    await asyncio.get_running_loop().run_in_executor(None, gc.collect)
    await asyncio.sleep(0)


# Queues.


async def queue_of(way):
    connection = await aio_pika.connect_robust(port=int(os.environ["RABBITMQ_PORT"]))
    channel = await connection.channel()
    kept.extend((connection, channel))
    queue = await channel.declare_queue(way, auto_delete=True)
    token = context.attach(propagate.extract({"traceparent": PARENT}))
    for _ in range(3):
        await channel.default_exchange.publish(aio_pika.Message(b"1"), routing_key=way)
    context.detach(token)
    return queue


async def qbreak(way):
    async for _ in await queue_of(way):
        inside(way)
        break


async def qbreak_kept(way):
    messages = (await queue_of(way)).iterator()
    kept.append(messages)
    async for _ in messages:
        inside(way)
        break


async def qwith_block(way):
    async with (await queue_of(way)).iterator() as messages:
        kept.append(messages)
        async for message in messages:
            async with message.process():
                inside(way)
                return


async def qclosed(way):
    messages = (await queue_of(way)).iterator()
    kept.append(messages)
    await messages.__aenter__()
    await messages.__anext__()
    inside(way)
    await messages.close()


async def qraised(way):
    try:
        async for _ in await queue_of(way):
            inside(way)
            raise ValueError
    except ValueError as error:
        kept.append(error)


async def atime_is_up(way):
    """Nothing tells that the handling is over."""
    from atlas_instrumentation import handling

    handling.MOST_SECONDS = 0.2
    subscription = await asubscribed(way)
    kept.append(subscription)
    await subscription.get_message(timeout=5)
    inside(way)
    await asyncio.sleep(0.3)


IN_TURN = [
    break_kept, generator_closed, closed, with_block, dropped, raised, by_function, by_failing_function, two_in_turn,
    asked_in_vain, threads,
]  # fmt: skip
SIDE_BY_SIDE = [
    abreak, aclosed, awith_block, araised, acancelled, aby_function, aspawned, anested, acollected,
    qbreak, qbreak_kept, qwith_block, qclosed, qraised, atime_is_up,
]  # fmt: skip


async def side_by_side():
    for way in SIDE_BY_SIDE:
        await way(way.__name__)
        print(f"after {way.__name__}")
    print("works")
    await asyncio.sleep(600)


for way in IN_TURN:
    way(way.__name__)
    print(f"after {way.__name__}")
thread = threading.Thread(target=lambda: [break_kept("thread"), print("after thread")])
thread.start()
thread.join()
asyncio.run(side_by_side())
