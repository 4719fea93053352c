package podlogs

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Names of what the receiver itself says of a record.
const (
	filePathName = "log.file.path"
	streamName   = "log.iostream"
	claimedName  = "log.time.claimed"
)

// writer makes records of the lines of one file at a time. It is not safe for concurrent use; its memory serves one batch after another.
type writer struct {
	window TimeWindow
	lines  assembler
	groups [streamCount]group
	parser fastjson.Parser
	series fastjson.Scanner
	names  map[string]member
	texts  arena
	items  []item
	plain  []byte
	number []byte

	records  plog.LogRecordSlice
	path     string
	observed pcommon.Timestamp
	// before is the runtime's time of the line before, for one that has none.
	before int64
}

// group is a record of several lines that is being put together.
type group struct {
	open bool
	// error says that it is an error with its stack.
	error bool
	text  []byte
	stamp int64
}

func newWriter(window TimeWindow) *writer {
	w := &writer{window: window, names: make(map[string]member, maxNames)}
	w.lines.to, w.lines.whole = w, true
	return w
}

// begin starts a batch of one file's lines.
func (w *writer) begin(path string) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	describe(resource.Resource().Attributes(), path)
	w.records = resource.ScopeLogs().AppendEmpty().LogRecords()
	w.path, w.observed, w.before = path, pcommon.NewTimestampFromTime(time.Now()), 0
	return logs
}

// describe says whose file it is: /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restarts>.log, with whatever a rotation put behind.
func describe(attributes pcommon.Map, path string) {
	folder, file := cutLast(path, '/')
	folder, container := cutLast(folder, '/')
	_, pod := cutLast(folder, '/')
	parts := strings.Split(pod, "_")
	restarts, _, isLog := strings.Cut(file, ".log")
	_, isNumber := digits(restarts)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" || container == "" || restarts == "" || !isLog || !isNumber {
		return
	}
	attributes.EnsureCapacity(10)
	attributes.PutStr("k8s.namespace.name", parts[0])
	attributes.PutStr("k8s.pod.name", parts[1])
	attributes.PutStr("k8s.pod.uid", parts[2])
	attributes.PutStr("k8s.container.name", container)
	attributes.PutStr("k8s.container.restart_count", restarts)
	// The program names a container after its service.
	attributes.PutStr("service.name", container)
}

func cutLast(text string, separator byte) (before, after string) {
	at := strings.LastIndexByte(text, separator)
	if at < 0 {
		return "", text
	}
	return text[:at], text[at+1:]
}

// piece makes records of whole lines, and of one without an end if there is one.
func (w *writer) piece(text []byte) {
	if !utf8.Valid(text) {
		text = replaceInvalid(text)
	}
	for at := 0; at < len(text); {
		length := bytes.IndexByte(text[at:], '\n')
		if length < 0 {
			length = len(text) - at
		}
		if raw := text[at : at+length]; len(raw) > 0 {
			w.raw(raw, at)
		}
		at += length + 1
	}
	for from := range w.lines.streams {
		if w.lines.streams[from].partial {
			w.lines.end(stream(from))
		}
	}
	for from := range w.groups {
		w.close(stream(from))
	}
	w.lines.reset()
}

// replaceInvalid has U+FFFD for each byte that is not UTF-8.
func replaceInvalid(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	for len(text) > 0 {
		char, size := utf8.DecodeRune(text)
		out = utf8.AppendRune(out, char)
		text = text[size:]
	}
	return out
}

func (w *writer) raw(raw []byte, at int) {
	if raw[0] != '{' && w.lines.idle() {
		if line := cutCRI(raw); !line.partial && isJSON(line.content, len(line.content)) {
			stamp, _ := parseTime(string(line.stamp))
			w.json(line.stream, line.content, stamp)
			return
		}
	}
	w.lines.add(raw, at)
}

// line takes a container's line from the assembler.
func (w *writer) line(from stream, what step, content []byte, stamp int64, _ int) {
	group := &w.groups[from]
	switch what {
	case passes:
		w.json(from, content, stamp)
	case joins:
		group.text = append(append(group.text, '\n'), content...)
		group.error = group.error || w.lines.streams[from].trace.error
	case opens:
		w.close(from)
		group.open, group.text, group.stamp = true, append(group.text[:0], content...), stamp
		group.error = w.lines.streams[from].trace.error
	case alone:
		w.close(from)
		w.text(from, content, stamp)
	case skipped:
	}
}

// close makes a record of what several lines are.
func (w *writer) close(from stream) {
	group := &w.groups[from]
	if !group.open {
		return
	}
	group.open = false
	// Blank lines at its end belong to nothing, blanks at the end of its last line to it.
	trimmed := bytes.TrimRight(group.text, "\n\r \t\v\f")
	if end := bytes.IndexByte(group.text[len(trimmed):], '\n'); end >= 0 {
		trimmed = group.text[:len(trimmed)+end]
	} else {
		trimmed = group.text
	}
	several := bytes.IndexByte(trimmed, '\n') >= 0
	if trimmed[0] == '{' && w.objects(from, trimmed, group.stamp) {
		return
	}
	record := w.record(from, group.stamp)
	record.Body().SetStr(w.texts.copy(trimmed))
	switch _, level, ok := postgresMessage(trimmed); {
	case ok:
		setSeverity(record, level)
	case several && group.error:
		setSeverity(record, "error")
	}
}

// text makes a record of a line as it is, or of several where it is too long.
func (w *writer) text(from stream, content []byte, stamp int64) {
	for {
		piece := content
		if len(piece) > maxRecord {
			piece = piece[:runeEnd(piece, maxRecord)]
		}
		record := w.record(from, stamp)
		record.Body().SetStr(w.texts.copy(piece))
		if content = content[len(piece):]; len(content) == 0 {
			return
		}
	}
}

// runeEnd is the last place up to at where no character is cut.
func runeEnd(text []byte, at int) int {
	for end := at; end > at-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return end
		}
	}
	return at
}

// json makes records of a line that begins as JSON does. What is not whole JSON to its end stays the line that it is: where half of it
// was torn off or written into by another, nobody can say whose the rest is.
func (w *writer) json(from stream, content []byte, stamp int64) {
	if len(content) > maxRecord || !w.objects(from, content, stamp) {
		w.text(from, content, stamp)
	}
}

// objects makes a record of each object in a text that is made of objects alone.
func (w *writer) objects(from stream, content []byte, stamp int64) bool {
	parsed := w.parsable(content)
	if value, err := w.parser.Parse(parsed); err == nil {
		if value.Type() != fastjson.TypeObject {
			return false
		}
		w.object(from, value, content, stamp)
		return true
	}
	// Two writers without a line's end between.
	if bytes.IndexByte(content, '}') == len(content)-1 {
		return false
	}
	count := 0
	for w.series.Init(parsed); w.series.Next(); count++ {
		if w.series.Value().Type() != fastjson.TypeObject || count == maxObjects {
			return false
		}
	}
	if w.series.Error() != nil || count < 2 {
		return false
	}
	for w.series.Init(parsed); w.series.Next(); {
		value := w.series.Value()
		w.plain = value.MarshalTo(w.plain[:0])
		w.object(from, value, w.plain, stamp)
	}
	return true
}

// parsable is the text with every half of a surrogate pair as the six characters that it is written with: it is no character.
func (w *writer) parsable(content []byte) string {
	if !bytes.Contains(content, []byte(`\ud`)) && !bytes.Contains(content, []byte(`\uD`)) {
		return asString(content)
	}
	return string(keepLoneSurrogates(content))
}

// record makes a record with what is known of every line.
func (w *writer) record(from stream, stamp int64) plog.LogRecord {
	record := w.records.AppendEmpty()
	record.SetObservedTimestamp(w.observed)
	if stamp == 0 {
		stamp = w.before
	}
	if stamp == 0 {
		stamp = int64(w.observed)
	}
	w.before = stamp
	record.SetTimestamp(pcommon.Timestamp(stamp))
	attributes := record.Attributes()
	attributes.EnsureCapacity(2)
	attributes.PutStr(filePathName, w.path)
	if from != unknown {
		attributes.PutStr(streamName, streamNames[from])
	}
	return record
}

// arena holds the texts of a batch in few allocations. What was handed out is never written to again.
type arena struct {
	free []byte
}

const arenaBlock = 32 << 10

func (a *arena) copy(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > cap(a.free)-len(a.free) {
		if len(text) > arenaBlock/4 {
			return string(text)
		}
		a.free = make([]byte, 0, arenaBlock)
	}
	begin := len(a.free)
	a.free = append(a.free, text...)
	return asString(a.free[begin:len(a.free):len(a.free)])
}

func asString(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }
