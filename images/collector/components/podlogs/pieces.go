package podlogs

import (
	"bufio"
	"bytes"
	"sync/atomic"
)

const (
	// pieceSize is how much of a file is handed on at a time, where lines end.
	pieceSize = 8 << 10
	// maxHeld is how much of a file waits for the rest of a line or of a stack trace.
	maxHeld = 512 << 10
	// maxRead is how much of all files together is read and not yet handed on. What is above waits in its file for the next look.
	maxRead = 32 << 20
)

// pieces cuts files into pieces of whole lines: none ends between the parts of a line or of a stack trace, so that each can be read by
// itself. What may still go on is left in the file; the reader hands it on when the file has not grown for a while.
type pieces struct {
	read atomic.Int64
}

// split is a bufio.SplitFunc. It keeps nothing of a file between two calls.
func (p *pieces) split(data []byte, _ bool) (int, []byte, error) {
	end := cutPiece(data)
	if end == 0 {
		return 0, nil, nil
	}
	if p.read.Load() > maxRead {
		return 0, nil, bufio.ErrFinalToken
	}
	p.read.Add(int64(end))
	return end, data[:end], nil
}

// release says that so much was handed on. Among it is what the reader took without asking, when a file had not grown for a while.
func (p *pieces) release(size int) {
	for {
		before := p.read.Load()
		if p.read.CompareAndSwap(before, max(0, before-int64(size))) {
			return
		}
	}
}

// cutPiece is where a piece ends: behind a line that no later one joins, as soon as there is enough; 0 where there is no such line.
func cutPiece(data []byte) int {
	var found ends
	lines := assembler{to: &found}
	for at := 0; at < len(data); {
		length := bytes.IndexByte(data[at:], '\n')
		if length < 0 {
			break
		}
		raw, next := data[at:at+length], at+length+1
		if lines.idle() && isPlainJSON(raw) {
			found.end = next
		} else {
			found.began = -1
			lines.add(raw, at)
			switch {
			case lines.idle():
				found.end = next
			case found.began >= 0 && lines.open() == 1:
				found.end = found.began
			}
		}
		if found.end >= pieceSize {
			return found.end
		}
		if next-found.end >= maxHeld {
			return next
		}
		at = next
	}
	return found.end
}

// isPlainJSON says without taking the line apart that it is a container's whole line of JSON.
func isPlainJSON(raw []byte) bool {
	if len(raw) > 0 && raw[0] == '{' {
		const begin, middle = `{"log":"{`, `}\n","stream":"`
		return len(raw) > len(begin)+len(middle) && string(raw[:len(begin)]) == begin && bytes.Contains(raw[max(0, len(raw)-128):], []byte(middle))
	}
	line := cutCRI(raw)
	return !line.partial && isJSON(line.content, len(line.content))
}

// ends is what cutting needs to know of the lines: where the last of several began.
type ends struct {
	end, began int
}

func (e *ends) line(_ stream, what step, _ []byte, _ int64, at int) {
	if what == opens {
		e.began = at
	}
}

// assembler puts the lines of containers together from their parts, and says what each is to those before it.
type assembler struct {
	streams [streamCount]waiting
	scratch []byte
	// whole says that lines are needed in full length.
	whole bool
	to    sink
}

// sink takes a container's line: what it is to those before it, the runtime's time of its begin, and where that stands in the piece.
type sink interface {
	line(from stream, what step, content []byte, stamp int64, at int)
}

// waiting is what one stream has open.
type waiting struct {
	trace   trace
	partial bool
	part    []byte
	size    int
	first   int64
	at      int
}

func (w *waiting) open() bool { return w.partial || w.trace.open() }

// open is the number of streams that wait for something.
func (a *assembler) open() int {
	count := 0
	for at := range a.streams {
		if a.streams[at].open() {
			count++
		}
	}
	return count
}

// idle says that no stream waits for anything.
func (a *assembler) idle() bool {
	return !a.streams[unknown].open() && !a.streams[stdout].open() && !a.streams[stderr].open()
}

// add takes the file's next line.
func (a *assembler) add(raw []byte, at int) {
	line := cutLine(raw, &a.scratch)
	now, _ := parseTime(string(line.stamp))
	for from := range a.streams {
		waiting := &a.streams[from]
		if waiting.partial && now != 0 && waiting.first != 0 && now-waiting.first > maxTraceAge {
			a.end(stream(from))
		}
		waiting.trace.expire(now)
	}
	waiting := &a.streams[line.stream]
	if !line.partial && !waiting.partial {
		a.take(line.stream, line.content, len(line.content), now, at)
		return
	}
	if !waiting.partial {
		waiting.partial, waiting.part, waiting.size, waiting.first, waiting.at = true, waiting.part[:0], 0, now, at
	}
	kept := line.content
	if !a.whole {
		kept = kept[:min(len(kept), max(0, maxTraceLine-waiting.size))]
	}
	waiting.part = append(waiting.part, kept...)
	waiting.size += len(line.content)
	if !line.partial || waiting.size >= maxRecord {
		a.end(line.stream)
	}
}

// end takes the parts that there are as a line.
func (a *assembler) end(from stream) {
	waiting := &a.streams[from]
	waiting.partial = false
	a.take(from, waiting.part, waiting.size, waiting.first, waiting.at)
}

func (a *assembler) take(from stream, content []byte, size int, stamp int64, at int) {
	what := a.streams[from].trace.next(content, size, stamp)
	a.to.line(from, what, content, stamp, at)
}

// reset forgets what waits.
func (a *assembler) reset() {
	for at := range a.streams {
		waiting := &a.streams[at]
		waiting.partial = false
		waiting.trace.phase = closed
	}
}
