"""Stack traces as the services' languages write them."""

PYTHON = """\
Traceback (most recent call last):
  File "/app/workers/main.py", line 12, in run
    execute(order)
    ~~~~~~~^^^^^^^
  File "/app/workers/orders.py", line 3, in execute
    raise Rejected("limit")
workers.errors.Rejected: limit"""
CHAINED = """\
Traceback (most recent call last):
  File "/app/a.py", line 1, in <module>
    {}["price"]
KeyError: 'price'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/a.py", line 3, in <module>
    raise ValueError("no price") from None
ValueError: no price"""
NODE_UNCAUGHT = """\
/app/dist/index.js:10
    throw new TypeError('x is not a function');
    ^

TypeError: x is not a function
    at Object.<anonymous> (/app/dist/index.js:10:11)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)"""
NODE_LOGGED = """\
Error: connect ECONNREFUSED 10.0.0.1:6379
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)"""
NODE_INTERNAL = """\
node:internal/process/promises:394
      triggerUncaughtException(err, true /* fromPromise */);
      ^

RangeError [ERR_OUT_OF_RANGE]: The value is out of range
    at Buffer.writeU_Int32BE (node:internal/buffer:806:11)"""
TRACES = {
    "a Python traceback": PYTHON,
    "a chain of two": CHAINED,
    "an uncaught error of Node": NODE_UNCAUGHT,
    "a logged error of Node": NODE_LOGGED,
    "an error from inside Node": NODE_INTERNAL,
}
