package podlogs

import (
	"bytes"

	"go.opentelemetry.io/collector/pdata/plog"
)

// level is a severity of OpenTelemetry's.
type level uint8

const (
	none level = iota
	levelTrace
	levelDebug
	levelInfo
	levelWarn
	levelError
	levelFatal
)

var levelNames = [...]string{"", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

func (l level) set(record plog.LogRecord) {
	// Each has four numbers, of which the first is the usual one.
	record.SetSeverityNumber(plog.SeverityNumber(4*int32(l) - 3))
	record.SetSeverityText(levelNames[l])
}

func setSeverity(record plog.LogRecord, word string) { levelWords[word].set(record) }

// levelWords are the levels of the loggers in use, in lower case.
var levelWords = map[string]level{
	"trace": levelTrace, "trc": levelTrace, "silly": levelTrace, "finest": levelTrace, "finer": levelTrace, "all": levelTrace, "t": levelTrace,
	"debug": levelDebug, "dbg": levelDebug, "verbose": levelDebug, "fine": levelDebug, "config": levelDebug, "d": levelDebug, "v": levelDebug,
	"info": levelInfo, "inf": levelInfo, "information": levelInfo, "informational": levelInfo, "notice": levelInfo, "http": levelInfo,
	"log": levelInfo, "success": levelInfo, "i": levelInfo, "n": levelInfo,
	"warn": levelWarn, "warning": levelWarn, "wrn": levelWarn, "w": levelWarn,
	"error": levelError, "err": levelError, "severe": levelError, "e": levelError,
	"fatal": levelFatal, "ftl": levelFatal, "critical": levelFatal, "crit": levelFatal, "alert": levelFatal, "emergency": levelFatal,
	"emerg": levelFatal, "panic": levelFatal, "dpanic": levelFatal, "f": levelFatal, "c": levelFatal,
}

// longestLevel is a level with a terminal's colours around it.
const longestLevel = 48

// levelOfWord reads a level in either case, in colours or brackets, as a number in a text, and with what Go's slog adds: `INFO+2`.
func levelOfWord(word []byte) level {
	if len(word) == 0 || len(word) > longestLevel {
		return none
	}
	var room [longestLevel]byte
	shown := room[:0]
	if bytes.IndexByte(word, escapeByte) >= 0 {
		shown = appendUncoloured(shown, word)
	} else {
		shown = append(shown, word...)
	}
	shown = bytes.Trim(shown, " []()<>:")
	for at, char := range shown {
		if char >= 'A' && char <= 'Z' {
			shown[at] = char | 0x20
		}
	}
	if at := bytes.IndexAny(shown, "+-"); at > 0 {
		if _, ok := digits(string(shown[at+1:])); ok {
			shown = shown[:at]
		}
	}
	if number, ok := digits(string(shown)); ok && len(shown) > 0 && len(shown) < 4 {
		return levelOfNumber(float64(number))
	}
	return levelWords[string(shown)]
}

// levelOfNumber reads pino's and bunyan's numbers. One between two of theirs is a level of an application's own above the lower.
func levelOfNumber(number float64) level {
	switch {
	case number >= 10 && number < 70:
		return level(int(number) / 10)
	case number >= 70 && number <= 100:
		return levelFatal
	}
	return none
}
