package podlogs

import (
	"strings"
	"time"
)

// parseTime reads a date and time as loggers write it, in nanoseconds since 1970: RFC 3339 and its kin, with a blank or a T between, a
// point or a comma before the fraction. Without a zone it is UTC, as containers have it. It also says whether it is a time at all.
func parseTime(text string) (int64, bool) {
	if len(text) < len("2006-01-02T15:04") || len(text) > 48 || text[4] != '-' || text[7] != '-' || text[13] != ':' {
		return 0, false
	}
	if text[10] != 'T' && text[10] != 't' && text[10] != ' ' {
		return 0, false
	}
	year, ok1 := digits(text[0:4])
	month, ok2 := digits(text[5:7])
	day, ok3 := digits(text[8:10])
	hour, ok4 := digits(text[11:13])
	minute, ok5 := digits(text[14:16])
	if !(ok1 && ok2 && ok3 && ok4 && ok5) {
		return 0, false
	}
	rest, second, nanos := text[16:], 0, 0
	if len(rest) >= 3 && rest[0] == ':' {
		var ok bool
		if second, ok = digits(rest[1:3]); !ok {
			return 0, false
		}
		rest = rest[3:]
		if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
			nanos, rest = fraction(rest[1:])
		}
	}
	offset, ok := zone(rest)
	// The years that nanoseconds in 64 bits can hold.
	if !ok || year < 1679 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	days := daysSince1970(year, month, day)
	return (int64(days)*86400+int64(hour*3600+minute*60+second-offset))*int64(time.Second) + int64(nanos), true
}

func digits(text string) (int, bool) {
	number := 0
	for at := range len(text) {
		digit := text[at] - '0'
		if digit > 9 {
			return 0, false
		}
		number = number*10 + int(digit)
	}
	return number, true
}

// fraction reads the digits behind a second's point as nanoseconds.
func fraction(text string) (int, string) {
	nanos, unit, at := 0, 100_000_000, 0
	for at < len(text) && text[at]-'0' <= 9 {
		nanos += int(text[at]-'0') * unit
		unit /= 10
		at++
	}
	return nanos, text[at:]
}

// zone reads a zone's distance from UTC in seconds.
func zone(text string) (int, bool) {
	text = strings.TrimPrefix(text, " ")
	switch text {
	case "", "Z", "z", "UTC", "GMT":
		return 0, true
	}
	sign := 1
	switch text[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, false
	}
	text = text[1:]
	hours, minutes := 0, 0
	var ok1, ok2 bool
	switch {
	case len(text) == 2:
		hours, ok1 = digits(text)
		ok2 = true
	case len(text) == 4:
		hours, ok1 = digits(text[:2])
		minutes, ok2 = digits(text[2:])
	case len(text) == 5 && text[2] == ':':
		hours, ok1 = digits(text[:2])
		minutes, ok2 = digits(text[3:])
	}
	return sign * (hours*3600 + minutes*60), ok1 && ok2
}

// daysSince1970 counts in a calendar whose years begin with March, so that a leap day is a year's last.
func daysSince1970(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	leaps := year/4 - year/100 + year/400
	return 365*year + leaps + (153*(month-3)+2)/5 + day - 1 - 719468
}

// epochTime reads a number as a time since 1970 in the unit that its size tells: seconds, milli-, micro- or nanoseconds. Numbers that
// are none of these between 1973 and 2262 are durations, counters or a clock that was never set.
func epochTime(text string) (int64, bool) {
	whole, decimals, _ := strings.Cut(text, ".")
	if len(whole) < 9 || len(whole) > 19 || whole[0] == '0' || len(decimals) > 18 {
		return 0, false
	}
	number := int64(0)
	for at := range len(whole) {
		digit := whole[at] - '0'
		if digit > 9 || number > (1<<63-1-9)/10 {
			return 0, false
		}
		number = number*10 + int64(digit)
	}
	unit := int64(0)
	switch {
	case number < 9_200_000_000:
		unit = int64(time.Second)
	case number < 100_000_000_000:
		return 0, false
	case number < 9_200_000_000_000:
		unit = int64(time.Millisecond)
	case number < 100_000_000_000_000:
		return 0, false
	case number < 9_200_000_000_000_000:
		unit = int64(time.Microsecond)
	case number < 100_000_000_000_000_000:
		return 0, false
	default:
		unit = 1
	}
	nanos, rest := fraction(decimals)
	if rest != "" {
		return 0, false
	}
	return number*unit + int64(nanos)*unit/int64(time.Second), true
}
