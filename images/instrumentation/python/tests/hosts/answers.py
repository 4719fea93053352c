"""A server that answers in every way that aiohttp knows, with handlers that a leaving client cancels, and without."""

import asyncio
import logging
import os
import pathlib
import sys

from aiohttp import web

logging.basicConfig(stream=sys.stdout, level=logging.INFO)
log = logging.getLogger("answers")
large = pathlib.Path("large")
large.write_bytes(bytes(32 * 1024 * 1024))


async def left(request):
    log.info("at work %s", request.path)
    while request.transport is not None:
        await asyncio.sleep(0.01)


async def wait(request):
    await left(request)
    return web.Response()


async def fail_late(request):
    await left(request)
    raise ValueError("nobody hears it")


async def stream(request):
    response = web.StreamResponse(headers={"Content-Type": request.query.get("type", "text/plain")})
    await response.prepare(request)
    log.info("at work %s", request.path)
    while True:
        await response.write(b"data: 1\n\n")
        await asyncio.sleep(0.01)


async def ends(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"all")
    await response.write_eof()
    await left(request)
    return response


async def breaks(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"some")
    raise ValueError("in the middle")


async def file(request):
    log.info("at work %s", request.path)
    return web.FileResponse(large)


async def socket(request):
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    await answer.send_str("hello")
    async for message in answer:
        await answer.send_str(message.data)
    return answer


async def broken(request):
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    await answer.send_str("hello")
    raise ValueError("in a websocket")


async def fails(request):
    raise ValueError("at once")


async def times_out(request):
    await asyncio.wait_for(asyncio.sleep(60), 0.01)


async def raises(request):
    raise web.HTTPNotFound


async def returns(request):
    return web.HTTPBadRequest()


async def unavailable(request):
    raise web.HTTPServiceUnavailable


async def body(request):
    return web.Response(text=str(len(await request.read())))


async def own_id(request):
    return web.Response(headers={"X-Request-ID": "mine"})


async def nothing(request):
    pass


async def missing(request):
    return web.FileResponse("missing")


async def named(request):
    return web.Response(text=request.match_info["name"])


@web.middleware
async def answering(request, handler):
    return web.Response(status=401) if "x-answer" in request.headers else await handler(request)


def made(prefix):
    inner = web.Application(middlewares=(answering,))
    inner.add_routes([web.get("/{name}", named)])
    app = web.Application(middlewares=(answering,), client_max_size=1000)
    handlers = [wait, fail_late, stream, ends, breaks, file, socket, broken, fails, times_out, raises, returns]
    handlers += [unavailable, body, own_id, nothing, missing]
    app.add_routes([web.route("*", f"/{prefix}/{each.__name__}", each) for each in handlers])
    app.add_subapp(f"/{prefix}/inner", inner)
    return app


async def main():
    ending = web.AppRunner(made("ending"), shutdown_timeout=0.1)

    async def end(request):
        await ending.cleanup()
        return web.Response()

    kept = made("kept")
    kept.add_routes([web.get("/end", end)])
    runners = [web.AppRunner(kept), web.AppRunner(made("cancelled"), handler_cancellation=True), ending]
    for runner, port in zip(runners, os.environ["PORTS"].split(), strict=True):
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(port)).start()
    print("ready")
    await asyncio.Event().wait()


asyncio.run(main())
