package podlogs

import "bytes"

// Bounds of what is put together from several lines.
const (
	// maxRecord is the content of one record. It is what the gateway takes uncut.
	maxRecord = 240 << 10
	// maxTrace and maxTraceLines bound a stack trace; what goes on is another record.
	maxTrace      = 64 << 10
	maxTraceLines = 500
	// maxTraceLine is the length of a line that can begin a stack trace.
	maxTraceLine = 4 << 10
	// maxTraceAge and maxTracePause are what the runtime's times of a trace's lines may differ, from the first and from the one before.
	maxTraceAge   = 3_000_000_000
	maxTracePause = 1_000_000_000
)

// step says what a line is to the lines of its stream before it.
type step uint8

const (
	// alone: a record of its own, which ends what is open.
	alone step = iota
	// opens: the first of a record that later lines may join. It ends what is open.
	opens
	// joins: one more line of what is open.
	joins
	// passes: a record of its own between the lines of what stays open.
	passes
	// skipped: a blank line that belongs to nothing.
	skipped
)

// phase is what the open record of a stream expects next.
type phase uint8

const (
	closed phase = iota
	// headed: a line that indented ones may follow.
	headed
	// framed: indented lines, with what languages write between them.
	framed
	// pythonFrames until the exception, pythonEnd behind it, pythonChain before the next traceback.
	pythonFrames
	pythonEnd
	pythonChain
	// nodeExcerpt: the place in the source, before the source itself; nodeCaret before the mark below it; nodeError before the error.
	nodeExcerpt
	nodeCaret
	nodeError
	// goDump: a panic and its goroutines.
	goDump
	// rustMessage: behind the place of a panic.
	rustMessage
	// postgres: a message, before its details.
	postgres
)

// trace follows the lines of one stream. It looks at each once and keeps none.
type trace struct {
	phase phase
	// error says that it is an error's: a frame or a language's own first line was seen.
	error bool
	// blank says that the line before was a blank one.
	blank       bool
	lines, size int
	first, last int64
	prefix      []byte
	bare        []byte
}

// open says whether a later line may join.
func (t *trace) open() bool { return t.phase != closed }

// expire closes what is open when the next line, of whichever stream, comes too late to belong to it.
func (t *trace) expire(now int64) {
	if t.phase != closed && now != 0 && t.first != 0 && (now-t.first > maxTraceAge || now-t.last > maxTracePause) {
		t.phase = closed
	}
}

// next takes the stream's next line of that size; of a long one the content's begin is enough.
func (t *trace) next(content []byte, size int, now int64) step {
	t.expire(now)
	if isJSON(content, size) {
		return passes
	}
	if size == 0 {
		return t.blankLine(now)
	}
	shown := t.uncoloured(content)
	if size < maxTraceLine && isBlank(shown) {
		if t.phase == closed && !isBlank(content) {
			return alone
		}
		return t.blankLine(now)
	}
	last, next := t.joined(shown, size)
	if last || next != closed {
		t.blank, t.phase = false, next
		if next != closed && (t.lines >= maxTraceLines || t.size+size >= maxTrace) {
			return t.begin(size, now, next)
		}
		return t.join(size, now)
	}
	t.phase, t.error, t.blank = closed, false, false
	if size < maxTraceLine {
		if next := t.opened(shown); next != closed {
			return t.begin(size, now, next)
		}
	}
	return alone
}

// blankLine joins what is open: there are blank lines in the middle of a trace. Those at its end are not kept.
func (t *trace) blankLine(now int64) step {
	if t.phase == closed {
		return skipped
	}
	t.blank = true
	return t.join(0, now)
}

func (t *trace) begin(size int, now int64, next phase) step {
	t.phase, t.lines, t.size, t.first, t.last = next, 1, size, now, now
	return opens
}

func (t *trace) join(size int, now int64) step {
	t.lines++
	t.size += size + 1
	if now != 0 {
		t.last = now
	}
	return joins
}

// isJSON tells a line of JSON from the begin of something printed over several lines.
func isJSON(content []byte, size int) bool {
	return size > 1 && content[0] == '{' && (size >= maxTraceLine || content[size-1] != '{')
}

// joined says what the open record expects behind this line, or closed if the line does not belong to it. With last it belongs to it
// and is its end.
func (t *trace) joined(shown []byte, size int) (last bool, next phase) {
	if t.phase == closed {
		return false, closed
	}
	if isIndented(shown) {
		if size >= maxTrace {
			return false, closed
		}
		t.error = t.error || isFrame(shown)
		return false, t.behindIndented(shown)
	}
	if size >= maxTraceLine {
		return false, closed
	}
	switch t.phase {
	case pythonFrames:
		if isName(shown) {
			return false, pythonEnd
		}
	case pythonEnd:
		if isPythonChain(shown) {
			return false, pythonChain
		}
	case pythonChain:
		if isTraceback(shown) {
			return false, pythonFrames
		}
	case nodeExcerpt:
		if !t.blank && !isTraceback(shown) {
			return false, nodeCaret
		}
	case nodeCaret:
		if isCaret(shown) {
			return false, nodeError
		}
	case nodeError:
		t.error = true
		return false, framed
	case rustMessage:
		return false, framed
	case goDump:
		if isGo(shown) {
			if hasAnyPrefix(shown, "exit status ") {
				return true, closed
			}
			return false, goDump
		}
	case postgres:
		if isPostgresDetail(shown, t.prefix) {
			return false, postgres
		}
	case headed, framed:
		return t.behindFrames(shown)
	}
	return false, closed
}

// behindIndented is the phase behind an indented line.
func (t *trace) behindIndented(shown []byte) phase {
	switch t.phase {
	case headed:
		return framed
	case nodeExcerpt:
		return nodeCaret
	case nodeCaret:
		if isCaret(shown) {
			return nodeError
		}
		return nodeCaret
	case nodeError:
		return framed
	}
	return t.phase
}

// behindFrames takes an unindented line behind a header or frames.
func (t *trace) behindFrames(shown []byte) (last bool, next phase) {
	switch {
	case isTraceback(shown) && t.phase == headed && t.lines == 1:
		// `Exception in thread Thread-1:` and `Could not place order 5:` stand above their traceback.
		t.error = true
		return false, pythonFrames
	case hasAnyPrefix(shown, "Caused by: ", "Suppressed: ", "Stack trace:", "stack backtrace:"):
		t.error = true
		return false, framed
	case isPythonChain(shown):
		return false, pythonChain
	case t.phase == headed && hasAnyPrefix(shown, "goroutine ") && isGo(shown):
		t.error = true
		return false, goDump
	case t.phase == headed:
		return false, closed
	case len(shown) > 1 && shown[0] == '#' && shown[1]-'0' <= 9, hasAnyPrefix(shown, "note: run with ", "note: Some details", "(Use `node "):
		return false, framed
	case !t.blank && isClosing(shown):
		return false, framed
	case hasAnyPrefix(shown, "Node.js v"):
		return true, closed
	}
	return false, closed
}

// opened is the phase behind a line that may be the first of several, or closed.
func (t *trace) opened(shown []byte) phase {
	switch {
	case isIndented(shown):
		t.error = isFrame(shown)
		return framed
	case isTraceback(shown):
		t.error = true
		return pythonFrames
	case isPlace(shown):
		return nodeExcerpt
	case isGoBegin(shown):
		t.error = true
		return goDump
	case hasAnyPrefix(shown, "thread '") && bytes.Contains(shown, []byte(" panicked at ")):
		t.error = true
		return rustMessage
	}
	if prefix, _, ok := postgresMessage(shown); ok {
		t.prefix = append(t.prefix[:0], prefix...)
		return postgres
	}
	if isHeader(shown) {
		return headed
	}
	return closed
}

// uncoloured is the line without a terminal's escape sequences, for a look at it alone.
func (t *trace) uncoloured(content []byte) []byte {
	if len(content) >= maxTraceLine || bytes.IndexByte(content, escapeByte) < 0 {
		return content
	}
	t.bare = appendUncoloured(t.bare[:0], content)
	return t.bare
}

const escapeByte = 0x1b

// appendUncoloured leaves out `ESC [ … letter`.
func appendUncoloured(out, content []byte) []byte {
	for at := 0; at < len(content); {
		if content[at] != escapeByte || at+1 >= len(content) || content[at+1] != '[' {
			out = append(out, content[at])
			at++
			continue
		}
		at += 2
		for at < len(content) && (content[at] < 0x40 || content[at] > 0x7e) {
			at++
		}
		at++
	}
	return out
}

func isBlank(shown []byte) bool { return len(bytes.TrimLeft(shown, " \t\r\v\f")) == 0 }

func isIndented(shown []byte) bool { return shown[0] == ' ' || shown[0] == '\t' }

func isTraceback(shown []byte) bool {
	return hasAnyPrefix(shown, "Traceback (most recent call last)")
}

func isPythonChain(shown []byte) bool {
	return hasAnyPrefix(shown, "During handling of the above exception", "The above exception was the direct cause")
}

// isFrame knows an indented line that only an error writes.
func isFrame(shown []byte) bool {
	inside := bytes.TrimLeft(shown, " \t|+")
	return hasAnyPrefix(inside, "at ", "from ", `File "`, "... ", "Caused by: ", "Suppressed: ", "Exception Group Traceback", "Traceback (most", "/")
}

// isCaret is the mark below a place in Node's excerpt.
func isCaret(shown []byte) bool {
	inside := bytes.TrimSpace(shown)
	return len(inside) > 0 && len(bytes.Trim(inside, "^~")) == 0
}

// isClosing is the end of what Node prints behind the frames of an error with members.
func isClosing(shown []byte) bool {
	inside := bytes.TrimRight(shown, " \t\r,;")
	return len(inside) > 0 && len(inside) <= 3 && len(bytes.Trim(inside, "}])")) == 0
}

// isPlace is Node's `/app/index.js:12`, `file:///app/index.mjs:3` or `node:internal/process:394`.
func isPlace(shown []byte) bool {
	if !hasAnyPrefix(shown, "/", "file://", "node:") || bytes.IndexByte(shown, ' ') >= 0 {
		return false
	}
	colon := bytes.LastIndexByte(shown, ':')
	if colon < 1 || colon == len(shown)-1 || shown[colon-1] == '/' {
		return false
	}
	_, ok := digits(string(shown[colon+1 : min(len(shown), colon+8)]))
	return ok && len(shown)-colon < 8
}

// isName is a class's name, alone or before a colon: the line at the end of a traceback.
func isName(shown []byte) bool {
	end := nameLength(shown)
	return end > 0 && (end == len(shown) || shown[end] == ':')
}

// nameLength is that of a dotted name at the line's begin.
func nameLength(shown []byte) int {
	at := 0
	for at < len(shown) {
		char := shown[at]
		letter := char|0x20 >= 'a' && char|0x20 <= 'z' || char == '_' || char == '$' || char >= 0x80
		digit := char >= '0' && char <= '9' || char == '.'
		if !letter && (!digit || at == 0) {
			break
		}
		at++
	}
	return at
}

// isHeader knows a line that indented ones may follow: an error's name, or what ends as if something came.
func isHeader(shown []byte) bool {
	if end := shown[len(shown)-1]; end == ':' || end == '{' || end == '[' {
		return true
	}
	if hasAnyPrefix(shown, "Exception in ", "Caused by: ", "Unhandled exception", "PHP Fatal error:  ", "Fatal error: Uncaught ", "** (", "[Error") {
		return true
	}
	shown = bytes.TrimPrefix(shown, []byte("Uncaught "))
	end := nameLength(shown)
	if end == 0 {
		return false
	}
	name, rest := shown[:end], shown[end:]
	if isRubyPlace(shown, rest) {
		return true
	}
	// Node's `RangeError [ERR_OUT_OF_RANGE]: …`.
	if bytes.HasPrefix(rest, []byte(" [")) {
		_, behind, _ := bytes.Cut(rest, []byte("]"))
		rest = behind
	}
	if len(rest) > 0 && rest[0] != ':' || len(rest) > 1 && rest[1] != ' ' {
		return false
	}
	if dot := bytes.IndexByte(name, '.'); dot > 0 && dot < len(name)-1 {
		return true
	}
	return isCamel(name)
}

// isCamel is `Rejected` or `TypeError`, and not `INFO`.
func isCamel(name []byte) bool {
	if name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	for _, char := range name {
		if char >= 'a' && char <= 'z' {
			return true
		}
	}
	return false
}

// isRubyPlace is the begin of `app.rb:12:in 'run': message (RuntimeError)`.
func isRubyPlace(shown, rest []byte) bool {
	return len(rest) > 0 && (rest[0] == ':' || rest[0] == '/') && (bytes.Contains(shown, []byte(":in `")) || bytes.Contains(shown, []byte(":in '")))
}

func isGoBegin(shown []byte) bool {
	switch {
	case hasAnyPrefix(shown, "panic: ", "fatal error: "):
		return true
	case hasAnyPrefix(shown, "goroutine ", "SIG"):
		return isGo(shown)
	}
	return bytes.Contains(shown, []byte(" panic serving "))
}

// isGo knows the unindented lines of a panic: goroutines, functions with their arguments, signals and registers.
func isGo(shown []byte) bool {
	switch {
	case hasAnyPrefix(shown, "goroutine "):
		return bytes.HasSuffix(shown, []byte("]:"))
	case hasAnyPrefix(shown, "created by ", "exit status ", "[signal ", "panic: ", "fatal error: ", "runtime stack:", "[originating from goroutine ",
		"...additional frames elided", "PC=0x"):
		return true
	case hasAnyPrefix(shown, "SIG"):
		colon := bytes.IndexByte(shown, ':')
		return colon > 3 && isUpper(shown[:colon])
	case shown[len(shown)-1] == ')':
		parenthesis := bytes.IndexByte(shown, '(')
		blank := bytes.IndexByte(shown, ' ')
		return parenthesis > 0 && (blank < 0 || blank > parenthesis) && nameLength(shown) > 0
	}
	name, value, ok := bytes.Cut(shown, []byte(" "))
	return ok && len(name) <= 6 && bytes.HasPrefix(bytes.TrimLeft(value, " "), []byte("0x")) && nameLength(name) == len(name)
}

func isUpper(name []byte) bool {
	for _, char := range name {
		if char < 'A' || char > 'Z' {
			return false
		}
	}
	return true
}

const (
	// longestPostgresPrefix is where the level of a message of PostgreSQL's has to begin at the latest.
	longestPostgresPrefix = 256
	postgresSeparator     = ":  "
)

// postgresMessage takes apart `<prefix>ERROR:  <message>`.
func postgresMessage(shown []byte) (prefix []byte, level string, ok bool) {
	prefix, word, ok := postgresWord(shown)
	if !ok {
		return nil, "", false
	}
	switch {
	case bytes.HasPrefix(word, []byte("DEBUG")) && len(word) <= 6:
		return prefix, "debug", true
	case string(word) == "LOG", string(word) == "INFO", string(word) == "NOTICE":
		return prefix, "info", true
	case string(word) == "WARNING":
		return prefix, "warn", true
	case string(word) == "ERROR":
		return prefix, "error", true
	case string(word) == "FATAL", string(word) == "PANIC":
		return prefix, "fatal", true
	}
	return nil, "", false
}

// isPostgresDetail is a line that goes on with a message of PostgreSQL's: under the same prefix, or the same up to the process where
// the prefix counts lines.
func isPostgresDetail(shown, before []byte) bool {
	prefix, word, ok := postgresWord(shown)
	if !ok {
		return false
	}
	switch string(word) {
	case "DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION", "BACKTRACE":
		return bytes.Equal(uptoProcess(prefix), uptoProcess(before))
	}
	return false
}

func uptoProcess(prefix []byte) []byte {
	if at := bytes.IndexByte(prefix, ']'); at >= 0 {
		return prefix[:at]
	}
	return prefix
}

// postgresWord takes apart `<prefix><WORD>:  `.
func postgresWord(shown []byte) (prefix, word []byte, ok bool) {
	end := bytes.Index(shown[:min(len(shown), longestPostgresPrefix)], []byte(postgresSeparator))
	if end < 0 {
		return nil, nil, false
	}
	begin := bytes.LastIndexByte(shown[:end], ' ') + 1
	return shown[:begin], shown[begin:end], begin < end
}

func hasAnyPrefix(text []byte, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}
