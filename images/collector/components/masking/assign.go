package masking

import "strings"

// form is how a value is given to a name.
type form uint8

const (
	unassigned form = iota
	colon
	// spaced: a colon and a blank, as in prose.
	spaced
	equals
	// said: "the password is".
	said
	// option: --password X.
	option
	// listed: the next element of a list, as in raw headers.
	listed
	// tagged: <password>X</password>.
	tagged
	// quotedNext: PASSWORD 'X'.
	quotedNext
	// beside: password X, where X can be nothing else.
	beside
)

// quote is an opening or closing quote, with what escapes it.
type quote struct {
	kind       byte
	escapes    int
	begin, end int
}

// written are quotes in other spellings.
var written = []string{"%22", "%27", "%2522", "%5c%22", "&quot;", "&#34;", "&#39;", "\\u0022"}

func quoteAt(text string, at int) (found quote) {
	if at >= len(text) {
		return found
	}
	switch text[at] {
	case '"', '\'', '`':
		return quote{kind: text[at], begin: at, end: at + 1}
	case '\\':
		end := skipEscapes(text, at)
		if end < len(text) && (text[end] == '"' || text[end] == '\'') {
			return quote{kind: text[end], escapes: end - at, begin: at, end: end + 1}
		}
	}
	if c := text[at]; c == '%' || c == '&' || c == '\\' {
		for _, each := range written {
			if hasFold(text, at, each) {
				return quote{kind: c, begin: at, end: at + len(each)}
			}
		}
	}
	return found
}

// close is where the value behind an opening quote ends. Without a closing one that is the text's end, or of the JSON around it.
func (q quote) close(text string, from int) int {
	if q.kind != '"' {
		mark := text[q.begin:q.end]
		for at := from; at < len(text); at++ {
			switch c := text[at]; {
			case c == mark[0] && hasFold(text, at, mark):
				return at
			case c == '"' && (at+1 == len(text) || strings.IndexByte(",}]", text[at+1]) >= 0), c == '\n' && q.kind != '\'':
				for at > from && text[at-1] == '\\' {
					at--
				}
				return at
			}
		}
		return len(text)
	}
	for at := from; at < len(text); {
		found := strings.IndexByte(text[at:], q.kind)
		if found < 0 {
			return len(text)
		}
		at += found
		escapes := 0
		for at-escapes > from && text[at-escapes-1] == '\\' {
			escapes++
		}
		// As JSON in JSON is escaped: each level doubles what stood there and adds one.
		if escapes < q.escapes || (escapes-q.escapes)%(2*(q.escapes+1)) == 0 {
			return at - min(escapes, q.escapes)
		}
		at++
	}
	return len(text)
}

// given is a value that belongs to a name.
type given struct {
	form  form
	value int
	// open is the value's opening quote, shut what closed the name.
	open, shut quote
}

func skipBlanks(text string, at int) int {
	for n := 0; n < 16 && at < len(text); n++ {
		switch {
		case text[at] == ' ' || text[at] == '\t':
			at++
		case text[at] == '%' && hasFold(text, at, "%20"):
			at += 3
		case text[at] == '\x1b' || text[at] == '\\':
			// A colour.
			sign, end := signAt(text, at)
			if sign != '\x1b' {
				return at
			}
			for end < len(text) && end-at < 16 && text[end] != 'm' {
				end++
			}
			if end >= len(text) || text[end] != 'm' {
				return at
			}
			at = end + 1
		default:
			return at
		}
	}
	return at
}

// assignment reads on behind a name.
func assignment(text string, begin, end int) (found given) {
	at := end
	found.shut = quoteAt(text, at)
	if found.shut.kind != 0 {
		at = found.shut.end
	}
	switch {
	case at < len(text) && text[at] == ']':
		at++
	case hasFold(text, at, "%5d"):
		at += 3
	}
	if found.shut.kind == 0 && begin > 0 {
		// <password>X</password>
		sign, behind := signAt(text, at)
		if sign == '>' && opensTag(text, begin) {
			found.form, found.value = tagged, behind
			if sign, next := signAt(text, behind); sign == '<' && hasFold(text, next, "![cdata[") {
				found.value = next + len("![cdata[")
			}
			return found
		}
	}
	if found.shut.kind != 0 {
		// Doubled, as in CSV.
		if again := quoteAt(text, at); again.kind == found.shut.kind && again.escapes == found.shut.escapes {
			at = again.end
		}
	}
	if found.shut.kind != 0 {
		if behind := partOfForm(text, at); behind > at {
			found.form, found.value = equals, behind
			return found
		}
	}
	after := skipBlanks(text, at)
	if after >= len(text) {
		return found
	}
	if found.shut.kind != 0 {
		// A pair of members or attributes: "name":"DB_PASSWORD","value":"X".
		next := after
		if text[next] == ',' {
			next = skipBlanks(text, next+1)
		}
		next = skipPrefix(text, next)
		open := quoteAt(text, next)
		if open.kind != 0 {
			next = open.end
		}
		if next > at && hasFold(text, next, "value") {
			next += len("value")
			shut := quoteAt(text, next)
			if shut.kind != 0 {
				next = shut.end
			}
			next = skipBlanks(text, next)
			if shut.kind == open.kind && next < len(text) && (text[next] == ':' || text[next] == '=') {
				found.form = colon
				return found.opens(text, skipBlanks(text, next+1))
			}
		}
		if text[after] == ',' && open.kind == found.shut.kind {
			found.form = listed
			return found.opens(text, open.begin)
		}
	}
	c, behind := signAt(text, after)
	switch {
	case c == ':':
		after++
		if after < len(text) && (text[after] == ':' || text[after] == '/') {
			return found
		}
		found.form = colon
		if after < len(text) && text[after] == '=' {
			after++
		} else if after < len(text) && kinds[text[after]]&blank != 0 && found.shut.kind == 0 {
			found.form = spaced
		}
	case c == '=':
		for c == '=' || c == '>' {
			after = behind
			c, behind = signAt(text, after)
		}
		found.form = equals
	case hasFold(text, after, "%3a"), hasFold(text, after, "%3d"):
		after += 3
		found.form = equals
	case hasFold(text, after, "%253a"), hasFold(text, after, "%253d"):
		after += 5
		found.form = equals
	case c == ',' && found.shut.kind == 0:
		// Erlang's pairs: {password,<<"X">>}
		one, next := signAt(text, after+1)
		if other, behind := signAt(text, next); one != '<' || other != '<' || quoteAt(text, behind).kind != '"' {
			return found
		} else {
			found.form = listed
			return found.opens(text, behind)
		}
	case nextLine(text, after) > after:
		// - name: DB_PASSWORD
		//   value: X
		next := nextLine(text, after)
		for next < len(text) && next-after < 32 && text[next] == ' ' {
			next++
		}
		if !hasFold(text, next, "value:") {
			return found
		}
		found.form, after = colon, next+len("value:")
	case c == '(' && quoteAt(text, after+1).kind != 0:
		found.form = quotedNext
		return found.opens(text, after+1)
	case strings.HasPrefix(text[after:], "：") || strings.HasPrefix(text[after:], "＝"):
		// As they are written in East Asia.
		after += len("：")
		found.form = equals
	case after == at:
		return found
	case found.shut.kind == 0 && text[begin] == '-' && c != '-':
		found.form = option
	case found.shut.kind == 0 && (hasFold(text, after, "is ") || hasFold(text, after, "was ")):
		after += 3
		found.form = said
	case found.shut.kind == 0 && (c == '\'' || c == '"'):
		found.form = quotedNext
	case found.shut.kind == 0 && (hasFold(text, begin, "requirepass") || hasFold(text, begin, "masterauth")):
		found.form = option
	case found.shut.kind == 0 && kinds[c]&(letter|digit) != 0:
		found.form = beside
	default:
		return found
	}
	return found.opens(text, skipBlanks(text, after))
}

// skipPrefix goes over the letter before a quote of Python: b'X'.
func skipPrefix(text string, at int) int {
	if at+1 < len(text) && (text[at] == 'b' || text[at] == 'u' || text[at] == 'r') && (text[at+1] == '\'' || text[at+1] == '"') {
		return at + 1
	}
	return at
}

// opensTag tells <password and <ns:password, escaped or not.
func opensTag(text string, begin int) bool {
	if text[begin-1] == ':' {
		prefix := begin - 1
		for prefix > 0 && begin-prefix < 24 && kinds[text[prefix-1]]&(letter|digit) != 0 {
			before := wordBegin(text, prefix, 0)
			if before == prefix {
				break
			}
			prefix = before
		}
		if begin = prefix; begin == 0 {
			return false
		}
	}
	return text[begin-1] == '<' || begin >= 6 && (hasFold(text, begin-5, "u003c") || hasFold(text, begin-6, "u003c"))
}

// partOfForm is where a form's field begins behind its name, in the body of a request of several parts.
func partOfForm(text string, at int) int {
	first := nextLine(text, at)
	if second := nextLine(text, first); first > at && second > first {
		return second
	}
	return at
}

// nextLine is behind the end of a line, escaped or not. Where no line ends it is the same place.
func nextLine(text string, at int) int {
	next := at
	for _, sign := range [...][2]byte{{'\r', 'r'}, {'\n', 'n'}} {
		if next < len(text) && text[next] == sign[0] {
			next++
		} else if escaped := skipEscapes(text, next); escaped > next && escaped < len(text) && text[escaped] == sign[1] {
			next = escaped + 1
		}
	}
	return next
}

// opens takes the value's opening quote.
func (found given) opens(text string, at int) given {
	at = skipPrefix(text, at)
	found.value = at
	found.open = quoteAt(text, at)
	if found.open.kind != 0 {
		found.value = found.open.end
		if found.shut.kind == 0 && found.open.kind == '"' && (found.value == len(text) || strings.IndexByte(",}]:\n", text[found.value]) >= 0) {
			// The quote ends the text that the name stands in: {"msg": "enter password: "}.
			found.form = unassigned
			return found
		}
		again := quoteAt(text, found.value)
		if again.kind == found.open.kind && again.escapes == found.open.escapes && again.end < len(text) &&
			kinds[text[again.end]]&(letter|digit) != 0 {
			found.value = again.end
		} else if third := quoteAt(text, again.end); again.kind == found.open.kind && third.kind == again.kind && third.end < len(text) &&
			kinds[text[third.end]]&(letter|digit) != 0 {
			found.value = third.end
		}
	}
	return found
}

// signAt is the sign at a place, escaped as JSON does it or not, and where the next begins.
func signAt(text string, at int) (byte, int) {
	if at >= len(text) {
		return 0, at
	}
	if text[at] != '\\' {
		return text[at], at + 1
	}
	end := skipEscapes(text, at)
	if hasFold(text, end, "u00") && end+5 <= len(text) && isHex(text[end+3:end+5]) {
		return unhex(text[end+3])<<4 | unhex(text[end+4]), end + 5
	}
	return '\\', at + 1
}

func unhex(c byte) byte {
	if kinds[c]&digit != 0 {
		return c - '0'
	}
	return fold(c) - 'a' + 10
}

// bareEnd is where a value without quotes ends, without what ends a sentence or closes a bracket.
func bareEnd(text string, from int) int { return trimmed(text, from, bareStop(text, from)) }

// bareStop is where a value without quotes ends.
func bareStop(text string, from int) int {
	at := from
	for at < len(text) {
		c := text[at]
		switch {
		case c <= ' ':
			return at
		case c == '<' && at == from:
			// <your password>
			if closing := strings.IndexByte(text[at:min(len(text), at+judged)], '>'); closing >= 0 {
				return at + closing + 1
			}
		case c == '{' && at == from && hasFold(text, at, "{{"):
			if closing := strings.Index(text[at:min(len(text), at+judged)], "}}"); closing >= 0 {
				return at + closing + 2
			}
		case c == '"' || c == '\'' || c == '`':
			if at+1 >= len(text) || text[at+1] <= ' ' || strings.IndexByte(",}]):;&|", text[at+1]) >= 0 {
				return at
			}
		case c == '\\':
			end := skipEscapes(text, at)
			if end == len(text) || text[end] == '"' || text[end] == 'n' || text[end] == 'r' || hasFold(text, end, "u0022") ||
				hasFold(text, end, "u0026") && nameFollows(text, end+5) || hasFold(text, end, "u003c/") || hasFold(text, end, "u001b") {
				return at
			}
			at = end
		case c == ',' || c == ';' || c == '&' || c == '|':
			if nameFollows(text, at+1) {
				return at
			}
		case c == '<':
			if at+1 < len(text) && text[at+1] == '/' {
				return at
			}
		case c == '%':
			if hasFold(text, at, "%22") || hasFold(text, at, "%20") || hasFold(text, at, "%0a") ||
				hasFold(text, at, "%26") || hasFold(text, at, "%7d") {
				return at
			}
		}
		at++
	}
	return at
}

// nameFollows tells whether another name and its value come next.
func nameFollows(text string, at int) bool {
	at = skipBlanks(text, at)
	if shut := quoteAt(text, at); shut.kind != 0 {
		at = shut.end
	}
	end := at
	for end < len(text) && end-at < 48 && kinds[text[end]]&inName != 0 {
		end++
	}
	if end == at {
		return false
	}
	if shut := quoteAt(text, end); shut.kind != 0 {
		end = shut.end
	}
	return end < len(text) && (text[end] == '=' || text[end] == ':')
}

// trimmed leaves what ends a sentence or a bracket outside of a value.
func trimmed(text string, from, to int) int {
	for n := 0; n < 4 && to > from; n++ {
		switch c := text[to-1]; c {
		case ',', ';', '.', '}', ']', ')', '>':
			const closing, opening = "}])>", "{[(<"
			if at := strings.IndexByte(closing, c); at >= 0 && strings.IndexByte(text[from:to], opening[at]) >= 0 {
				return to
			}
		default:
			return to
		}
		to--
	}
	return to
}

// prose are words that begin what is said about a credential, and none.
var prose = set(
	"a an and any are as at based be been before but by can cannot could denied did do does empty enabled disabled exceeded expected",
	"expires expired expiring failed failure for found from given had has have header if in incorrect invalid is it length malformed",
	"may minimum maximum mismatch missing must needs no none not null nil of ok on optional or present provided refused refreshed",
	"rejected required revoked rotated rotation set should stale still string success supplied than that the they this to too",
	"unauthorized unauthenticated undefined unexpected unknown unset unsupported updated valid verified was were when which will with",
	"without wrong you your str text varchar bytes int integer number bool boolean char object unspecified authentication credentials",
	"policy check checks validation verification parsing error warning changed created deleted generated loaded stored used",
)

// isProse tells words about a credential from the credential.
func isProse(text string, from, end int) bool {
	word := text[from:end]
	if len(word) == 0 || len(word) > 16 || run(word, 0, letter) != len(word) {
		return false
	}
	var small [16]byte
	folded := small[:0]
	for at := 0; at < len(word); at++ {
		folded = append(folded, fold(word[at]))
	}
	if in(folded, prose) {
		return true
	}
	// Words that go on with one of those: "length must be".
	for at, words := end, 0; words < 3 && at < len(text) && text[at] == ' '; words++ {
		next := run(text, at+1, letter)
		if next == at+1 || next-at > 16 || next < len(text) && kinds[text[next]]&inName != 0 && text[next] != '.' {
			return false
		}
		if in([]byte(text[at+1:next]), prose) {
			return true
		}
		at = next
	}
	return false
}

// isAdvice tells what a form answers about a password: {"password": "must have 12 characters"}.
func isAdvice(value string) bool {
	at := strings.IndexByte(value, ' ')
	if at <= 0 {
		return false
	}
	switch value[:at] {
	case "is", "must", "should", "cannot", "Must", "may", "does", "do", "has", "too", "This", "this":
		return wordCount(value) >= 2
	}
	return false
}

// isPlaceholder tells what stands for a value and is none.
func isPlaceholder(value string) bool {
	if value == "" {
		return true
	}
	last := value[len(value)-1]
	switch value[0] {
	case '*', 'x', 'X', '.', '-':
		if run := strings.TrimLeft(value, value[:1]); run == "" {
			return true
		}
	case '$':
		return len(value) > 2 && (value[1] == '{' && last == '}' || value[1] == '(' && last == ')') || isVariable(value[1:])
	case '{':
		return strings.HasPrefix(value, "{{") && strings.HasSuffix(value, "}}") || value == "{}"
	case '<':
		return last == '>'
	case '%':
		return len(value) == 2
	case '[':
		if len(value) > 2 && last == ']' && run(value, 1, letter) == len(value)-1 || value == "[]" {
			return true
		}
	}
	switch len(value) {
	case 2, 3, 4, 5, 6, 8, 9:
		var small [9]byte
		for at := range len(value) {
			small[at] = fold(value[at])
		}
		switch string(small[:len(value)]) {
		case "true", "false", "on", "off", "null", "none", "nil", "yes", "undefined", "empty", "unset", "redacted", "masked", "hidden":
			return true
		}
	}
	// A call in code.
	if last == ')' {
		open := strings.IndexByte(value[:min(len(value), judged)], '(')
		return open > 0 && run(value, 0, letter|inName) == open && shapeOf(value[:open]).digit == 0
	}
	return false
}

func isVariable(value string) bool {
	s := shapeOf(value)
	return s.length > 1 && s.lower == 0 && s.upper > 0 && run(value, 0, inName) == len(value)
}
