package podlogs

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// stream is where a container wrote a line.
type stream uint8

const (
	unknown stream = iota
	stdout
	stderr
	streamCount
)

var streamNames = [streamCount]string{"", "stdout", "stderr"}

// line is one line of a log file, taken apart.
type line struct {
	// stamp is the runtime's time as written; nil where no runtime wrote the line.
	stamp []byte
	// stream is where the container wrote it.
	stream stream
	// partial says that the container's line goes on in the stream's next one.
	partial bool
	// content is what the container wrote.
	content []byte
}

// cutLine takes a line apart as containerd, CRI-O or Docker wrote it. What is in another format is content from its first byte on.
// Docker's content is unescaped into scratch.
func cutLine(raw []byte, scratch *[]byte) line {
	if len(raw) > 0 && raw[0] == '{' {
		return cutDocker(raw, scratch)
	}
	return cutCRI(raw)
}

const (
	shortestStamp = len("2006-01-02T15:04:05Z")
	longestStamp  = len("2006-01-02T15:04:05.000000000+00:00")
)

// cutCRI takes apart `<time> <stream> <tags> <content>`. The first tag is P for a part and F for the end of a line.
func cutCRI(raw []byte) line {
	whole := line{content: raw}
	if len(raw) < shortestStamp+len(" stdout F") || raw[4] != '-' || raw[10] != 'T' {
		return whole
	}
	at := bytes.IndexByte(raw[:min(len(raw), longestStamp+1)], ' ')
	if at < shortestStamp {
		return whole
	}
	stamp, rest := raw[:at], raw[at+1:]
	var from stream
	switch {
	case bytes.HasPrefix(rest, []byte("stdout ")):
		from = stdout
	case bytes.HasPrefix(rest, []byte("stderr ")):
		from = stderr
	default:
		return whole
	}
	rest = rest[len("stdout "):]
	tags, content, _ := bytes.Cut(rest, []byte(" "))
	if len(tags) == 0 || tags[0] != 'P' && tags[0] != 'F' || len(tags) > 1 && tags[1] != ':' {
		return whole
	}
	return line{stamp: stamp, stream: from, partial: tags[0] == 'P', content: content}
}

// cutDocker takes apart `{"log":"<content>\n","stream":"<stream>","time":"<time>"}`, with or without Docker's `attrs` between. A line of
// the container's without its end is a part: Docker cuts at 16 KiB.
func cutDocker(raw []byte, scratch *[]byte) line {
	whole := line{content: raw}
	const begin, middle, last = `{"log":"`, `","stream":"std`, `,"time":"`
	if !bytes.HasPrefix(raw, []byte(begin)) || !bytes.HasSuffix(raw, []byte(`"}`)) {
		return whole
	}
	// The last of both: a container may write such text, but not behind its own line's end.
	end := bytes.LastIndex(raw, []byte(middle))
	times := bytes.LastIndex(raw, []byte(last))
	if end < len(begin)-1 || times < end {
		return whole
	}
	var from stream
	switch tail := raw[end+len(middle):]; {
	case bytes.HasPrefix(tail, []byte(`out"`)):
		from = stdout
	case bytes.HasPrefix(tail, []byte(`err"`)):
		from = stderr
	default:
		return whole
	}
	content := unescape(raw[len(begin):max(end, len(begin))], scratch)
	stamp := raw[times+len(last) : len(raw)-len(`"}`)]
	trimmed, complete := bytes.CutSuffix(content, []byte("\n"))
	return line{stamp: stamp, stream: from, partial: !complete, content: trimmed}
}

// unescape undoes JSON's escapes in a string's inside. What is no escape stays.
func unescape(text []byte, scratch *[]byte) []byte {
	at := bytes.IndexByte(text, '\\')
	if at < 0 {
		return text
	}
	out := (*scratch)[:0]
	for at >= 0 && at+1 < len(text) {
		out = append(out, text[:at]...)
		used := 2
		switch escape := text[at+1]; escape {
		case '"', '\\', '/':
			out = append(out, escape)
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			first, isFirst := hexRune(text[at:])
			second, isSecond := rune(0), false
			if isFirst && utf16.IsSurrogate(first) && len(text) > at+6 {
				second, isSecond = hexRune(text[at+6:])
			}
			pair := utf16.DecodeRune(first, second)
			switch {
			case isFirst && !utf16.IsSurrogate(first):
				out, used = utf8.AppendRune(out, first), 6
			case isSecond && pair != utf8.RuneError:
				out, used = utf8.AppendRune(out, pair), 12
			default:
				out = append(out, '\\', 'u')
			}
		default:
			out = append(out, '\\', escape)
		}
		text = text[at+used:]
		at = bytes.IndexByte(text, '\\')
	}
	out = append(out, text...)
	*scratch = out
	return out
}

// hexRune reads `\uXXXX` at the text's begin.
func hexRune(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(code), err == nil
}

// keepLoneSurrogates writes halves of surrogate pairs so that a reader of JSON takes them for their six characters.
func keepLoneSurrogates(text []byte) []byte {
	out := make([]byte, 0, len(text)+16)
	for at := 0; at < len(text); {
		if text[at] != '\\' || at+1 >= len(text) {
			out = append(out, text[at])
			at++
			continue
		}
		used := 2
		if first, ok := hexRune(text[at:]); ok {
			used = 6
			if utf16.IsSurrogate(first) {
				second, _ := hexRune(text[at+6:])
				if utf16.DecodeRune(first, second) == utf8.RuneError {
					out = append(out, '\\')
				} else {
					used = 12
				}
			}
		}
		out = append(out, text[at:at+used]...)
		at += used
	}
	return out
}
