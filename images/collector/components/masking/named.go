package masking

import "strings"

// far is how long a value may be that is judged before it is hidden.
const far = 4096

// name hides the value that belongs to the name around an anchor, and tells where to go on.
func (h *hider) name(at, behind int) int {
	if at < h.judged {
		return behind
	}
	begin, least := at, max(h.done, at-longestName)
	for begin > least && kinds[h.text[begin-1]]&inName != 0 {
		before := wordBegin(h.text, begin, least)
		if before == begin {
			break
		}
		begin = before
	}
	end := run(h.text[:min(len(h.text), behind+longestName)], behind, inName)
	if hasFold(h.text, end, " code") {
		end += len(" code")
	}
	h.judged = end
	found := assignment(h.text, begin, end)
	if found.form == unassigned || found.value >= len(h.text) {
		return behind
	}
	var words wordsOf
	words.split(h.text[begin:end])
	kind, plural := words.classify()
	if (kind == none || kind == token) && begin > least && h.text[begin-1] == ' ' && found.form != listed {
		// "API key", "page token": the word before belongs to the name.
		before := begin - 1
		for before > least && kinds[h.text[before-1]]&inName != 0 {
			before--
		}
		if before < begin-1 {
			words.split(h.text[before:end])
			kind, plural = words.classify()
		}
	}
	if kind == none {
		return behind
	}
	return h.given(found, kind, plural, begin, end)
}

func (h *hider) given(found given, kind class, plural bool, begin, end int) int {
	text := h.text
	if kind == address {
		return h.address(found, end)
	}
	weak := kind != strong && kind != header && kind != cookie
	if found.open.kind == 0 && found.shut.kind == '"' && (text[found.value] == '{' || text[found.value] == '[') {
		if weak && text[found.value] == '{' {
			return end
		}
		return h.structure(found, kind)
	}
	switch c := text[found.value]; {
	case (kind == header || kind == cookie) && (found.form == beside || found.form == said || found.form == quotedNext):
		// "Authorization server": a scheme would be found by itself.
		return end
	case c == '{' && found.open.kind == 0 && found.form != equals:
		// An object as Node prints it: its members have names.
		return end
	case c == '/' && (hasFold(text, end-3, "pwd") || hasFold(text, end-6, "oldpwd")):
		// The shell's working directory.
		return end
	}
	if found.open.kind == 0 && text[found.value] == '[' {
		// A list in what is not JSON itself: codes=["X", "Y"]
		if first := quoteAt(text, found.value+1); first.kind == '"' {
			found.shut = first
			return h.structure(found, kind)
		}
	}
	limit := len(text)
	if weak {
		limit = min(limit, found.value+far)
	}
	var stop int
	quoted := found.open.kind != 0
	switch {
	case quoted:
		stop = found.open.close(text[:limit], found.value)
		if weak && stop == limit && limit < len(text) {
			return end
		}
	case found.form == tagged:
		stop = limit
		for at := found.value; at < limit; {
			sign, next := signAt(text, at)
			if sign == ']' && hasFold(text, at, "]]") {
				stop = at
				break
			}
			if sign == '<' && (next >= len(text) || text[next] != '/') {
				// "usage: hook <secret> [--type <type>]"
				return end
			}
			if sign == '<' || sign == '"' || sign == '\\' && quoteAt(text, at).kind != 0 {
				stop = at
				break
			}
			at = next
		}
	case kind == header || kind == cookie:
		return h.line(found, kind, end)
	case kind == seed && wordCount(text[found.value:limit]) >= 11:
		stop = found.value
		for n := 0; n < 24; n++ {
			next := run(text, stop, letter)
			if next == stop {
				break
			}
			stop = next
			if stop+1 < len(text) && (text[stop] == ' ' || text[stop] == ',') && kinds[text[stop+1]]&letter != 0 {
				stop++
			}
		}
	default:
		// Where it ends is the same for each name in it.
		if found.value < h.bareFrom || found.value >= h.bareStop {
			h.bareFrom, h.bareStop = found.value, bareStop(text, found.value)
		}
		stop = trimmed(text, found.value, h.bareStop)
	}
	value := text[found.value:stop]
	if value == "" || value == Mask || isPlaceholder(value) {
		return max(end, stop)
	}
	switch found.form {
	case spaced:
		// Words about it, or a type of Go's: "*v1.Secret: not found".
		if !quoted && (isProse(text, found.value, stop) || begin > 0 && text[begin-1] == '*') {
			return end
		}
	case beside:
		if !(kind == strong && isPassword(text[begin:end]) && len(value) >= 8 && looksRandom(value)) &&
			!(kind == digits && len(value) >= 6 && hasFold(text, end-4, "code")) {
			return end
		}
	case said:
		if s := shapeOf(value); weak && !judge(kind, value) || !quoted && (s.lower+s.upper+s.other == s.length && s.changes < 2 || isNumber(value) && s.length < 6 && kind != digits) {
			return end
		}
	case quotedNext:
		if !isPassword(text[begin:end]) && !hasFold(text, end-2, "by") && !hasFold(text, begin, "requirepass") &&
			!hasFold(text, begin, "masterauth") {
			return end
		}
	case listed:
		if !(kind == header || kind == cookie || kind == strong || kind == opaque) || !(looksRandom(value) || strings.IndexByte(value, ' ') > 0 || strings.IndexByte(value, '=') > 0) {
			return end
		}
	case option:
		if value[0] == '-' || isVariable(value) {
			return end
		}
	}
	if quoted && isAdvice(value) || isNumber(value) && (plural || hasFold(text, end-4, "pass") && len(value) < 6) || !judge(kind, value) {
		return end
	}
	switch {
	case !quoted && found.shut.kind != 0 && found.form == colon && isNumber(value):
		// A number in JSON: what replaces it is a string.
		mark := text[found.shut.begin:found.shut.end]
		h.write(found.value, stop, mark+Mask+mark)
	case quoted && kind == header:
		h.mask(found.value+schemeLength(value), stop)
	default:
		h.mask(found.value, stop)
	}
	return stop
}

// isPassword tells the names of passwords from those of secrets, which are also things that have names.
func isPassword(name string) bool {
	return hasFold(name, len(name)-4, "word") || hasFold(name, len(name)-2, "wd") || hasFold(name, len(name)-6, "phrase") ||
		hasFold(name, len(name)-8, "passcode")
}

// foreign hides the value behind a password's name in another language.
func (h *hider) foreign(at, behind int) int {
	end := behind
	for end < len(h.text) && end-behind < longestName && (h.text[end] >= 0x80 || kinds[h.text[end]]&inName != 0) {
		if strings.HasPrefix(h.text[end:], "：") || strings.HasPrefix(h.text[end:], "＝") {
			break
		}
		end++
	}
	found := assignment(h.text, at, end)
	if found.form == unassigned || found.form == said || found.form == beside || found.value >= len(h.text) {
		return behind
	}
	return h.given(found, strong, false, at, end)
}

// schemeLength is the length of an Authorization header's scheme and the blank behind it.
func schemeLength(value string) int {
	end := run(value, 0, inName)
	if end == 0 || end > 24 || end+1 >= len(value) || value[end] != ' ' {
		return 0
	}
	return end + 1
}

// line hides a header's value that ends with the line or where it is complete.
func (h *hider) line(found given, kind class, end int) int {
	text, at := h.text, found.value
	if kind == header {
		if at < len(text) && text[at] == '[' {
			at++
		}
		first := run(text, at, inName)
		switch {
		case found.form == spaced && isProse(text, at, first):
			return end
		case first+1 < len(text) && text[first] == ' ' && isScheme(text[at:first]):
			at = first + 1
		case hasFold(text, first, "%20") && isScheme(text[at:first]):
			at = first + 3
		case first+1 < len(text) && first > at && text[first] == ' ' && run(text, at, letter) == first:
			// A scheme of somebody's own.
			next := bareEnd(text[:min(len(text), first+judged)], first+1)
			if next := text[first+1 : next]; next == Mask || looksRandom(next) {
				at = first + 1
			}
		}
	}
	begin, stop := at, at
	for {
		stop = pairEnd(text, at)
		last := byte(0)
		if stop > at {
			last = text[stop-1]
		}
		if (kind == cookie && last == ';' || kind == header && last == ',') && stop+1 < len(text) && text[stop] == ' ' && text[stop+1] > ' ' {
			at = stop + 1
			continue
		}
		break
	}
	stop = trimmed(text, begin, stop)
	value := text[begin:stop]
	if value == "" || value == Mask || isPlaceholder(value) {
		return max(end, stop)
	}
	if kind == cookie && strings.IndexByte(value, '=') < 0 && !looksRandom(value) && (found.form != equals || isNumber(value)) {
		return end
	}
	h.mask(begin, stop)
	return stop
}

// pairEnd is where one piece of a header ends: a blank, or a quote that is not part of a parameter.
func pairEnd(text string, begin int) int {
	at := begin
	for at < len(text) {
		c := text[at]
		switch {
		case c <= ' ':
			return at
		case (c == '"' || c == '\\') && at > begin && text[at-1] == '=' && isParameter(text, at):
			open := quoteAt(text, at)
			stop := open.close(text, open.end)
			if stop == len(text) {
				return stop
			}
			at = min(len(text), stop+open.end-open.begin) - 1
		case c == '"' || c == '\'' || c == '`':
			return at
		case c == '\\':
			end := skipEscapes(text, at)
			if end == len(text) || strings.IndexByte("\"'nr", text[end]) >= 0 {
				return at
			}
			at = end - 1
		}
		at++
	}
	return at
}

// isParameter tells the quote of username="atlas" from one that ends a text.
func isParameter(text string, at int) bool {
	open := quoteAt(text, at)
	return open.kind == '"' && open.end < len(text) && kinds[text[open.end]]&(letter|digit) != 0
}

func isScheme(word string) bool {
	var small [24]byte
	if len(word) > len(small) {
		return false
	}
	for at := range len(word) {
		small[at] = fold(word[at])
	}
	switch string(small[:len(word)]) {
	case "basic", "bearer", "digest", "negotiate", "ntlm", "token", "apikey", "api-key", "aws4-hmac-sha256", "aws", "hmac", "signature", "hawk",
		"oauth", "sharedkey", "sharedkeylite", "sharedaccesssignature", "key", "jwt", "mac", "dpop", "vapid", "bot", "splunk", "genie", "geniekey":
		return true
	}
	return false
}

// structure hides the strings and numbers of a list or map in JSON that stands under a credential's name.
func (h *hider) structure(found given, kind class) int {
	text, mark := h.text, h.text[found.shut.begin:found.shut.end]
	depth, at := 0, found.value
	weak := kind != strong && kind != header && kind != cookie
	for at < len(text) {
		c := text[at]
		switch {
		case c == '[' || c == '{':
			if depth++; weak && (depth > 1 || at > found.value+far) {
				// What is in it is looked at by itself.
				return found.value
			}
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return at + 1
			}
		case c == '\\' || c == '"':
			open := quoteAt(text, at)
			if open.kind != '"' || open.escapes > found.shut.escapes {
				break
			}
			if open.escapes < found.shut.escapes {
				// The text around it ends.
				return at
			}
			stop := open.close(text, open.end)
			after := skipBlanks(text, min(len(text), stop+len(mark)))
			if after < len(text) && text[after] == ':' && stop < len(text) {
				at = after
				break
			}
			if value := text[open.end:stop]; value != "" && (!weak || kind == seed || judge(kind, value)) {
				skip := 0
				if kind == header {
					skip = schemeLength(value)
				}
				h.mask(open.end+skip, stop)
			}
			at = min(len(text), stop+len(mark)) - 1
		case c == '-' || kinds[c]&digit != 0:
			stop := at + 1
			for stop < len(text) && (kinds[text[stop]]&digit != 0 || strings.IndexByte(".eE+-", text[stop]) >= 0) {
				stop++
			}
			if !weak || judge(kind, text[at:stop]) {
				h.write(at, stop, mark+Mask+mark)
			}
			at = stop - 1
		}
		at++
	}
	return at
}

// address hides what comes behind a webhook's host. What is a DSN is searched as every text is.
func (h *hider) address(found given, end int) int {
	text := h.text
	sign := strings.Index(text[found.value:min(len(text), found.value+16)], "://")
	if sign < 0 || hasFold(text, end-3, "dsn") {
		return end
	}
	at := found.value + sign + 3
	for at < len(text) && text[at] > ' ' && strings.IndexByte("/\"'\\<>,;", text[at]) < 0 {
		if text[at] == '@' {
			return end
		}
		at++
	}
	if at >= len(text) || text[at] != '/' {
		return end
	}
	stop := at + 1
	for stop < len(text) && text[stop] > ' ' && strings.IndexByte("\"'\\<>,;)}", text[stop]) < 0 {
		stop++
	}
	if !looksRandom(text[at+1 : stop]) {
		return end
	}
	h.mask(at+1, stop)
	return stop
}

func isAddress(text string) bool {
	return strings.Contains(text[:min(len(text), 16)], "://")
}

// hideAddress is for a webhook's URL or a DSN that stands alone.
func hideAddress(text string) (string, bool) {
	hidden, changed := hideCredentials(text)
	if changed {
		return hidden, true
	}
	h := hider{text: text}
	h.address(given{value: 0}, 0)
	return h.result()
}
