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
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: no price
\tat com.example.Orders.place(Orders.java:12)
\tSuppressed: java.io.IOException: closing
\t\tat com.example.Feed.close(Feed.java:9)
Caused by: com.example.Feed$Broken: no feed
\tat com.example.Feed.price(Feed.java:7)
\t... 12 more"""
GO = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47b2e1]

goroutine 1 [running]:
main.(*Book).Price(0x0?, {0x4a1b2c, 0x7})
\t/app/book.go:12 +0x1d
main.main()
\t/app/main.go:7 +0x3a
exit status 2"""
NODE_CAUSE = """\
Error: outer
    at place (/app/dist/orders.js:1:7) {
  [cause]: Error: inner
      at price (/app/dist/feed.js:1:33)
}"""
COLOURED = (
    "\x1b[31mTypeError\x1b[39m: x is not a function\n"
    "\x1b[90m    at Object.<anonymous> (/app/index.js:10:11)\x1b[39m\n"
    "\x1b[90m    at node:internal/main:1\x1b[39m"
)
POSTGRESQL = """\
2026-11-30 12:00:00.123 UTC [123] ERROR:  duplicate key value violates unique constraint "orders_pkey"
2026-11-30 12:00:00.123 UTC [123] DETAIL:  Key (id)=(7) already exists.
2026-11-30 12:00:00.123 UTC [123] STATEMENT:  insert into orders
\tvalues (7)"""
TRACES = {
    "a Python traceback": PYTHON,
    "a chain of two": CHAINED,
    "an uncaught error of Node": NODE_UNCAUGHT,
    "a logged error of Node": NODE_LOGGED,
    "an error from inside Node": NODE_INTERNAL,
    "an error of Node with its cause": NODE_CAUSE,
    "an exception of Java": JAVA,
    "a panic of Go": GO,
    "a trace in colours": COLOURED,
    "an error of PostgreSQL": POSTGRESQL,
}
