package podlogs

import (
	"fmt"
	"strings"
	"testing"
)

// stacks are traces as languages and servers write them. Each is one record.
var stacks = map[string]string{
	"Python": `Traceback (most recent call last):
  File "/app/workers/main.py", line 12, in run
    execute(order)
    ~~~~~~~^^^^^^^
  File "/app/workers/orders.py", line 3, in execute
    raise Rejected("limit")
workers.errors.Rejected: limit`,
	"Python, chained": `Traceback (most recent call last):
  File "/app/a.py", line 1, in <module>
    {}["price"]
KeyError: 'price'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/a.py", line 3, in <module>
    raise ValueError("no price")
ValueError: no price

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/b.py", line 1, in <module>
Rejected: at last`,
	"Python, a group": `  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 2, in <module>
  |     raise ExceptionGroup("several", [ValueError(1), TypeError(2)])
  | ExceptionGroup: several (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +---------------- 2 ----------------
    | TypeError: 2
    +------------------------------------`,
	"Python, of a thread": `Exception in thread Thread-1 (run):
Traceback (most recent call last):
  File "/usr/lib/python3.13/threading.py", line 1043, in _bootstrap_inner
    self.run()
ZeroDivisionError: division by zero`,
	"Python, below a message": `Could not place order 5:
Traceback (most recent call last):
  File "/app/a.py", line 1, in place
socket.timeout: timed out`,
	"Node, uncaught": `/app/dist/index.js:10
    throw new TypeError('x is not a function');
    ^

TypeError: x is not a function
    at Object.<anonymous> (/app/dist/index.js:10:11)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)

Node.js v22.11.0`,
	"Node, with an unindented excerpt": `file:///app/index.mjs:1
throw new Error('boom', {cause: new Error('inner')})
^

Error: boom
    at file:///app/index.mjs:1:7
    at ModuleJob.run (node:internal/modules/esm/module_job:195:25) {
  [cause]: Error: inner
      at file:///app/index.mjs:1:33
      at ModuleJob.run (node:internal/modules/esm/module_job:195:25)
}

Node.js v22.11.0`,
	"Node, logged": `Error: connect ECONNREFUSED 10.0.0.1:6379
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16) {
  errno: -111,
  code: 'ECONNREFUSED',
  [errors]: [
    'a'
  ]
}`,
	"Node, from inside": `node:internal/process/promises:394
      triggerUncaughtException(err, true /* fromPromise */);
      ^

RangeError [ERR_OUT_OF_RANGE]: The value is out of range
    at Buffer.writeU_Int32BE (node:internal/buffer:806:11)`,
	"Java": `Exception in thread "main" java.lang.IllegalStateException: no price
	at com.example.Orders.place(Orders.java:12)
	at com.example.Main.main(Main.java:3)
	Suppressed: java.io.IOException: closing
		at com.example.Feed.close(Feed.java:9)
Caused by: com.example.Feed$Broken: no feed
	at com.example.Feed.price(Feed.java:7)
	... 12 more
Caused by: java.net.ConnectException: Connection refused
	... 13 more`,
	"Java, without frames between": `com.example.Outer: outer
Caused by: com.example.Inner: inner
	at com.example.Feed.price(Feed.java:7)`,
	"Go": `panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47b2e1]

goroutine 1 [running]:
main.(*Book).Price(0x0?, {0x4a1b2c, 0x7})
	/app/book.go:12 +0x1d
main.main()
	/app/main.go:7 +0x3a

goroutine 18 [select, 2 minutes]:
net/http.(*persistConn).writeLoop(0xc0001f4000)
	/usr/lib/go/src/net/http/transport.go:2458 +0xf0
created by net/http.(*Transport).dialConn in goroutine 7
	/usr/lib/go/src/net/http/transport.go:1800 +0x1585
exit status 2`,
	"Go, of a server": `2026/11/30 12:00:00 http: panic serving 10.0.0.7:5000: boom
goroutine 7 [running]:
net/http.(*conn).serve.func1()
	/usr/lib/go/src/net/http/server.go:1947 +0xbe
panic({0x6b2f40?, 0x7a1c30?})
	/usr/lib/go/src/runtime/panic.go:787 +0x132`,
	".NET": `Unhandled exception. System.InvalidOperationException: outer
 ---> System.ArgumentNullException: Value cannot be null. (Parameter 'order')
   at Orders.Place(Order order) in /src/Orders.cs:line 12
   --- End of inner exception stack trace ---
   at Program.Main() in /src/Program.cs:line 3`,
	"Ruby": `app.rb:3:in 'Object#price': no price (RuntimeError)
	from app.rb:7:in 'Object#place'
	from app.rb:9:in '<main>'`,
	"Rust": `thread 'main' panicked at src/main.rs:4:5:
index out of bounds: the len is 3 but the index is 99
stack backtrace:
   0: rust_begin_unwind
             at /rustc/a/library/std/src/panicking.rs:665:5
   1: orders::main
             at ./src/main.rs:4:5
note: run with ` + "`RUST_BACKTRACE=full`" + ` for a verbose backtrace.`,
	"PHP": `PHP Fatal error:  Uncaught Exception: no price in /app/a.php:3
Stack trace:
#0 /app/b.php(5): price()
#1 {main}
  thrown in /app/a.php on line 3`,
	"in colours":        "\x1b[31mTypeError\x1b[39m: x is not a function\n\x1b[90m    at Object.<anonymous> (/app/index.js:10:11)\x1b[39m\n\x1b[90m    at node:internal/main:1\x1b[39m",
	"Python in colours": "\x1b[1;35mTraceback (most recent call last):\x1b[0m\n  File \x1b[35m\"/app/a.py\"\x1b[0m, line \x1b[35m1\x1b[0m, in <module>\n    \x1b[31mf()\x1b[0m\n\x1b[1;35mKeyError\x1b[0m: \x1b[35m'price'\x1b[0m",
}

// messages of PostgreSQL's, each one record.
var postgresMessages = map[string]string{
	"17 ERROR": `2026-11-30 12:00:00.123 UTC [123] ERROR:  duplicate key value violates unique constraint "orders_pkey"
2026-11-30 12:00:00.123 UTC [123] DETAIL:  Key (id)=(7) already exists.
2026-11-30 12:00:00.123 UTC [123] HINT:  Take another.
2026-11-30 12:00:00.123 UTC [123] CONTEXT:  SQL statement "insert"
	PL/pgSQL function place() line 3
2026-11-30 12:00:00.123 UTC [123] STATEMENT:  insert into orders
	values (7)`,
	"21 FATAL": `2026-11-30 12:00:00.123 UTC [7] trader@trading FATAL:  password authentication failed
2026-11-30 12:00:00.123 UTC [7] trader@trading DETAIL:  Connection matched line 3`,
	"9 INFO": `2026-11-30 12:00:00.123 UTC [9]: [4-1] user=u LOG:  duration: 1003.1 ms
2026-11-30 12:00:00.123 UTC [9]: [5-1] user=u STATEMENT:  select 1`,
}

func TestAStackTraceIsOneRecord(t *testing.T) {
	for name, stack := range stacks {
		t.Run(name, func(t *testing.T) {
			lines := append(append([]string{"one line"}, strings.Split(stack, "\n")...), "another line")
			records := read(cri("stderr", lines...))
			expect(t, bodies(records), []string{"one line", stack, "another line"})
			expect(t, severity(records[1]), "17 ERROR")
			expect(t, at(records[1]), testMoment.Add(1e6))
		})
	}
}

func TestAMessageOfPostgreSQLIsOneRecord(t *testing.T) {
	for level, message := range postgresMessages {
		next := "2026-11-30 12:00:00.124 UTC [124] LOG:  checkpoint starting: time"
		records := read(cri("stderr", append(strings.Split(message, "\n"), next)...))
		expect(t, bodies(records), []string{message, next})
		expect(t, severity(records[0]), level)
	}
}

func TestADetailOfAnotherProcessStandsAlone(t *testing.T) {
	lines := []string{
		"2026-11-30 12:00:00.123 UTC [123] ERROR:  one",
		"2026-11-30 12:00:00.123 UTC [124] ERROR:  two",
		"2026-11-30 12:00:00.123 UTC [123] STATEMENT:  of one",
		"2026-11-30 12:00:00.123 UTC [124] STATEMENT:  of two",
	}
	expect(t, bodies(read(cri("stderr", lines...))), lines)
}

func TestFramesStayBelowTheirOwnException(t *testing.T) {
	expect(t, bodies(read(cri("stderr", "a:", "  1", "b:", "  2"))), []string{"a:\n  1", "b:\n  2"})
	expect(t, bodies(read(cri("stderr", "no header", "  1", "neither", "  2", "  3"))), []string{"no header", "  1", "neither", "  2\n  3"})
	one, other := stacks["Java"], stacks["Node, logged"]
	text := cri("stderr", append(append(strings.Split(one, "\n"), strings.Split(other, "\n")...), strings.Split(one, "\n")...)...)
	expect(t, bodies(read(text)), []string{one, other, one})
}

func TestTwoTracesInARowAreTwoRecords(t *testing.T) {
	for name, stack := range stacks {
		if strings.Contains(name, "group") {
			continue // all of it is indented: nothing tells where the second begins
		}
		lines := strings.Split(stack+"\n"+stack, "\n")
		expect(t, bodies(read(cri("stderr", lines...))), []string{stack, stack})
	}
}

func TestTracesOfTwoStreamsAreNotMixed(t *testing.T) {
	for name, stack := range stacks {
		for other, second := range stacks {
			var text strings.Builder
			one, two := strings.Split(stack, "\n"), strings.Split(second, "\n")
			for at := range max(len(one), len(two)) {
				if at < len(one) {
					fmt.Fprintf(&text, "%s.%03dZ stderr F %s\n", testDay, at, one[at])
				}
				if at < len(two) {
					fmt.Fprintf(&text, "%s.%03dZ stdout F %s\n", testDay, at, two[at])
				}
				fmt.Fprintf(&text, "%s.%03dZ stdout F {\"msg\":\"json\"}\n", testDay, at)
			}
			count := map[string]int{}
			for _, body := range bodies(read(text.String())) {
				count[body]++
			}
			expected := map[string]int{stack: 1}
			expected[second]++
			expected["json"] = max(len(one), len(two))
			if fmt.Sprint(count) != fmt.Sprint(expected) {
				t.Errorf("%s beside %s: %v", name, other, count)
			}
		}
	}
}

func TestOrdinaryLinesAreNotJoined(t *testing.T) {
	lines := []string{
		"workers.main: started", "Error: no file", "KeyError: 'x'", "GET /api/orders 200", "Exception", "a: b", "INFO:     127.0.0.1:5 - \"GET\" 200",
		"connected to db (5 ms)", "panic button pressed", "exit status 3 seen", "/etc/app.conf", "}", "]", "Node.js v22.11.0", "#1 of 7", "done)",
		"Caused by: nothing", "x ERROR:  one space too many", "y DETAIL:  of what", "goroutine leak", "SIGTERM received", "",
	}
	expect(t, bodies(read(cri("stdout", lines...))), lines[:len(lines)-1])
}

func TestAnOrdinaryLineWaitsForNoNextOne(t *testing.T) {
	for _, line := range []string{"hello", `{"msg":"x"}`, `{"half": `, "INFO: started", "GET /api/orders 200", "a, b", "2026-11-30 started", "[info] x"} {
		text := cri("stdout", line)
		if cutPiece([]byte(text)) != len(text) {
			t.Errorf("%q waits", line)
		}
	}
}

func TestATraceWaitsInItsFile(t *testing.T) {
	for name, stack := range stacks {
		if name == "Go" || strings.HasSuffix(stack, "v22.11.0") {
			continue // these have an end
		}
		before := cri("stderr", "before")
		if end := cutPiece([]byte(before + cri("stderr", strings.Split(stack, "\n")...))); end != len(before) {
			t.Errorf("%s: what is read ends at %d, not before the trace at %d", name, end, len(before))
		}
	}
}

func TestATraceWaitsForNoOtherTrace(t *testing.T) {
	first := cri("stderr", "Error: one", "    at a")
	expect(t, cutPiece([]byte(first+cri("stderr", "Error: two", "    at b"))), len(first))
}

func TestATraceWaitsNoLongerThanItsBounds(t *testing.T) {
	// The other stream's lines go on, in the runtime's time.
	header := testDay + "Z stderr F Error: x\n"
	for seconds, waits := range map[int]bool{0: true, 2: false, 5: false} {
		text := header + fmt.Sprintf("2026-11-30T12:00:%02d.5Z stdout F other\n", seconds)
		if found := cutPiece([]byte(text)) == 0; found != waits {
			t.Errorf("after %d s it waits: %t", seconds, found)
		}
	}
	frames := make([]string, 3000)
	for at := range frames {
		frames[at] = fmt.Sprintf(`  File "/app/%sa.py", line %d, in recurse`, strings.Repeat("deep/", 100), at)
	}
	all := append(append([]string{"Traceback (most recent call last):"}, frames...), "RecursionError: maximum recursion depth exceeded")
	found := bodies(read(cri("stderr", all...)))
	expect(t, strings.Join(found, "\n") == strings.Join(all, "\n"), true)
	for _, body := range found {
		if len(body) > maxTrace || strings.Count(body, "\n") >= maxTraceLines {
			t.Errorf("a piece of %d bytes", len(body))
		}
	}
}

func TestSomethingPrintedOverSeveralLinesIsOneRecord(t *testing.T) {
	records := read(cri("stdout", "{", `  "level": "warn",`, `  "msg": "printed"`, "}", "config {", "  a: 1", "}"))
	expect(t, bodies(records), []string{"printed", "config {\n  a: 1\n}"})
	expect(t, severity(records[0]), "13 WARN")
}

// mixedFile has all of it in one file, of both streams.
func mixedFile() string {
	var text strings.Builder
	for _, name := range []string{"Python, chained", "Java", "Go", "Node, uncaught", "in colours"} {
		for at, line := range strings.Split(stacks[name], "\n") {
			fmt.Fprintf(&text, "%s.%03dZ stderr F %s\n", testDay, at, line)
			fmt.Fprintf(&text, "%s.%03dZ stdout F {\"level\":30,\"msg\":\"%s %d\"}\n", testDay, at, name, at)
		}
		fmt.Fprintf(&text, "%s.900Z stdout P part %s \n%s.900Z stderr F plain\n%s.900Z stdout F rest\n", testDay, name, testDay, testDay)
	}
	return text.String()
}
