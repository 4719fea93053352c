package masking

import "strings"

// hider rewrites one text. Nothing is allocated before something is found.
type hider struct {
	text string
	out  []byte
	// done is up to where the text is written to out, or was left as it is for good.
	done int
	// dotless is the end of a run of a token's bytes in which there is no JSON Web Token, so that no run is read twice.
	dotless int
	// judged is the end of the last name that was looked at.
	judged int
	// bareFrom and bareStop are the last value without quotes.
	bareFrom, bareStop int
	// tokenStop is where the last run of a token's bytes ends.
	tokenStop int
}

// mask hides a part. Parts come in their order.
func (h *hider) mask(from, to int) {
	if from < h.done {
		from = h.done
	}
	if from >= to || h.text[from:to] == Mask {
		return
	}
	h.write(from, to, Mask)
}

func (h *hider) write(from, to int, instead string) {
	if h.out == nil {
		h.out = make([]byte, 0, len(h.text)+16)
	}
	h.out = append(h.out, h.text[h.done:from]...)
	h.out = append(h.out, instead...)
	h.done = to
}

func (h *hider) result() (string, bool) {
	if h.out == nil {
		return h.text, false
	}
	return string(append(h.out, h.text[h.done:]...)), true
}

var known = newMatcher(anchors())

// hideCredentials goes over what it changed again: what is hidden may have parted a value from what made it look harmless.
func hideCredentials(text string) (string, bool) {
	hidden, changed := hideOnce(text)
	for n, more := 0, changed; more && n < 8; n++ {
		hidden, more = hideOnce(hidden)
	}
	return hidden, changed
}

func hideOnce(text string) (string, bool) {
	a, at := known.next(text, 0)
	if a == nil {
		return text, false
	}
	return hideFrom(text, a, at)
}

// failed is told of a fault in this package.
var failed = func(any) {}

// hideFrom starts at the first anchor. A fault must neither end the Collector nor let the text through: then all of it is hidden.
func hideFrom(text string, a *anchor, at int) (hidden string, changed bool) {
	defer func() {
		if fault := recover(); fault != nil {
			failed(fault)
			hidden, changed = Mask, text != Mask
		}
	}()
	h := hider{text: text}
	for a != nil {
		next := h.look(a, at)
		if next <= at {
			next = at + 1
		}
		a, at = known.next(text, next)
	}
	return h.result()
}

// look hides what belongs to an anchor and tells where to go on.
func (h *hider) look(a *anchor, at int) int {
	behind := at + len(a.text)
	switch a.does {
	case inAName:
		return h.name(at, behind)
	case afterScheme:
		return h.userinfo(a.text, behind)
	case afterBearer:
		return h.bearer(at, behind)
	case afterBasic:
		end := run(h.text, behind, inBase64)
		if isBasic(h.text[behind:end]) {
			h.mask(behind, end)
			return end
		}
	case jsonToken:
		return h.jsonToken(at)
	case keyBlock:
		return h.keyBlock(at, behind)
	case encodedBlock:
		end := run(h.text, behind, inBase64)
		if end-behind >= a.least {
			for at > h.done && kinds[h.text[at-1]]&inBase64 != 0 && h.text[at-1] != '=' {
				at--
			}
			h.mask(at, end)
		}
		return end
	case telegram:
		return h.telegram(at)
	case queryParameter:
		end := until(h.text[:min(len(h.text), behind+judged)], behind, "&#\"'<>\\,;)}")
		if value := h.text[behind:end]; len(value) >= a.least && looksRandom(value) {
			end = until(h.text, end, "&#\"'<>\\,;)}")
			h.mask(behind, end)
			return end
		}
	case inPath:
		end := until(h.text, behind, "\"'<>\\,;)}?")
		// A stream of the market's names has its name there, a user's has a key.
		if end-behind >= a.least && (a.text[len(a.text)-4:] != "/ws/" || looksRandom(h.text[behind:end]) && end-behind >= 32) {
			h.mask(behind, end)
			return end
		}
	case prefix:
		return h.prefixed(a, at, behind)
	case shortName:
		return h.name(at, behind-1)
	case foreign:
		return h.foreign(at, behind)
	case userOption:
		end := until(h.text, behind, "\"'\\")
		if sign := strings.IndexByte(h.text[behind:end], ':'); sign > 0 && !isNumber(h.text[behind+sign+1:end]) &&
			h.text[behind:behind+sign] != h.text[behind+sign+1:end] {
			h.mask(behind+sign+1, end)
			return end
		}
	}
	return behind
}

// until is where a blank comes, or one of some signs.
func until(text string, at int, signs string) int {
	for at < len(text) && text[at] > ' ' && strings.IndexByte(signs, text[at]) < 0 {
		at++
	}
	return at
}

// atBoundary tells whether a word may begin at a place: escaped letters before it are none of it.
func atBoundary(text string, at int) bool {
	if at == 0 || kinds[text[at-1]]&(letter|digit) == 0 {
		return true
	}
	return wordBegin(text, at, 0) == at
}

// wordBegin is where the word that is being read backwards begins, without the escape before it: \n, \u0022, %22.
func wordBegin(text string, at, least int) int {
	switch {
	case at-2 >= least && text[at-2] == '\\' && strings.IndexByte("nrtbf", text[at-1]) >= 0:
		return at
	case at-3 >= least && text[at-3] == '%' && isHex(text[at-2:at]):
		return at
	case at-6 >= least && text[at-6] == '\\' && text[at-5] == 'u' && isHex(text[at-4:at]):
		return at
	case text[at-1] == 'm':
		// The end of a colour.
		begin := at - 1
		for begin > least && at-begin < 9 && (kinds[text[begin-1]]&digit != 0 || text[begin-1] == ';') {
			begin--
		}
		if begin-2 >= least && text[begin-1] == '[' && (text[begin-2] == '\x1b' || text[begin-2] == 'b') {
			return at
		}
	}
	return at - 1
}

func (h *hider) prefixed(a *anchor, at, behind int) int {
	if !atBoundary(h.text, at) {
		return behind
	}
	// Where it ends is the same for each in it.
	end := behind
	if behind < h.tokenStop {
		end = h.tokenStop
	}
	for end < len(h.text) {
		if c := h.text[end]; kinds[c]&inToken == 0 && !(c == '.' && end+1 < len(h.text) && kinds[h.text[end+1]]&inToken != 0) {
			break
		}
		end++
	}
	h.tokenStop = end
	if end-behind < a.least {
		return behind
	}
	value := h.text[behind:end]
	switch {
	case len(a.text) == 4 && kinds[a.text[0]]&upper != 0 && a.text[3] == 'A':
		// An access key's id: capitals and digits alone.
		end = behind
		for end < len(h.text) && end-behind <= 20 && kinds[h.text[end]]&(upper|digit) != 0 {
			end++
		}
		if end-behind < 16 || end-behind > 20 || end < len(h.text) && kinds[h.text[end]]&lower != 0 {
			return behind
		}
	case a.least > 8 && !looksRandom(value) && longestPiece(value) < 20:
		return behind
	}
	h.mask(at, end)
	return end
}

// longestPiece is the length of the longest piece of letters and digits alone.
func longestPiece(value string) (longest int) {
	value = value[:min(len(value), judged)]
	for at := 0; at < len(value); at++ {
		end := run(value, at, letter|digit)
		longest, at = max(longest, end-at), end
	}
	return longest
}

func (h *hider) jsonToken(at int) int {
	if at < h.dotless {
		return at + 3
	}
	end, dots := at, 0
	for end < len(h.text) && (kinds[h.text[end]]&inToken != 0 || h.text[end] == '.') {
		if h.text[end] == '.' {
			dots++
		}
		end++
	}
	for end > at && h.text[end-1] == '.' {
		end--
		dots--
	}
	first := strings.IndexByte(h.text[at:end], '.')
	if dots > 0 && first >= 9 && end-at-first > 6 {
		h.mask(at, end)
		return end
	}
	h.dotless = end
	return at + 3
}

func (h *hider) telegram(at int) int {
	begin := at
	for begin > h.done && at-begin < 12 && kinds[h.text[begin-1]]&digit != 0 {
		begin--
	}
	end := run(h.text[:min(len(h.text), at+48)], at+1, inToken)
	if at-begin >= 6 && end-at-1 >= 32 && end-at-1 <= 40 {
		h.mask(begin, end)
		return end
	}
	return at + 1
}

// keyBlock hides what stands between a private key's first and last line, or all that comes if there is no last.
func (h *hider) keyBlock(at, behind int) int {
	title := h.text[behind:min(len(h.text), behind+64)]
	stop := strings.Index(title, "---")
	if stop < 0 || !strings.Contains(strings.ToUpper(title[:stop]), "PRIVATE") {
		return behind
	}
	begin := behind + stop
	for begin < len(h.text) && h.text[begin] == '-' {
		begin++
	}
	if begin == len(h.text) {
		return begin
	}
	end, after := len(h.text), len(h.text)
	found := strings.Index(h.text[begin:], "---")
	body := h.text[begin:]
	if found >= 0 {
		body = body[:found]
	}
	if quoted := strings.IndexAny(body, "\"'"); quoted >= 0 {
		end = begin + quoted
		for end > begin && h.text[end-1] == '\\' {
			end--
		}
		after = end
	} else if found >= 0 {
		end = begin + found
		for end > begin && (h.text[end-1] == '-' || h.text[end-1] == ' ') {
			end--
		}
		after = end
	}
	// The ends of lines stay, escaped or not.
	for begin < end && strings.IndexByte("\n\r \\", h.text[begin]) >= 0 {
		next := skipEscapes(h.text, begin)
		if next > begin && (next >= end || h.text[next] != 'n' && h.text[next] != 'r') {
			break
		}
		begin = next + 1
	}
	for end > begin {
		if c := h.text[end-1]; c == '\n' || c == '\r' {
			end--
		} else if (c == 'n' || c == 'r') && end-2 >= begin && h.text[end-2] == '\\' {
			end -= 2
			for end > begin && h.text[end-1] == '\\' {
				end--
			}
		} else {
			break
		}
	}
	h.mask(begin, end)
	return max(after, begin)
}

func skipEscapes(text string, at int) int {
	for at < len(text) && text[at] == '\\' {
		at++
	}
	return at
}

func (h *hider) bearer(at, behind int) int {
	begin := behind
	for begin < len(h.text) && (h.text[begin] == ' ' || h.text[begin] == '\t' || h.text[begin] == ':' || h.text[begin] == '=') && begin-behind < 3 {
		begin++
	}
	if hasFold(h.text, begin, "%20") {
		begin += 3
	}
	end := begin
	for end < len(h.text) && (kinds[h.text[end]]&inBase64 != 0 || h.text[end] == '.' || h.text[end] == '~') {
		end++
	}
	for end > begin && h.text[end-1] == '.' {
		end--
	}
	if begin > behind && end-begin >= 12 && (looksRandom(h.text[begin:end]) || isHex(h.text[begin:end])) {
		h.mask(begin, end)
		return end
	}
	return behind
}

// isBasic tells base64 of a user and a password.
func isBasic(value string) bool {
	if len(value) < 8 || len(value) > 512 {
		return false
	}
	decoded := 0
	bits, colon := uint32(0), false
	for at := 0; at < len(value) && value[at] != '='; at++ {
		digit := strings.IndexByte(base64Digits, value[at])
		if digit < 0 {
			return false
		}
		bits, decoded = bits<<6|uint32(digit), decoded+6
		if decoded >= 8 {
			decoded -= 8
			c := byte(bits >> decoded)
			if c < ' ' || c == 0x7f {
				return false
			}
			colon = colon || c == ':'
		}
	}
	return colon
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// userinfo hides the password of an URL, whatever it is made of.
func (h *hider) userinfo(sign string, begin int) int {
	encoded := sign[0] == '%'
	if sign[1] == '\\' {
		// The slashes are escaped as well.
		begin -= len(sign) - 1
		for range 2 {
			begin = skipEscapes(h.text, begin)
			if begin == len(h.text) || h.text[begin] != '/' {
				return begin
			}
			begin++
		}
	}
	// What may belong to the address ends at a blank, a quote or the next address.
	stop, next := begin, -1
	for stop < len(h.text) {
		c := h.text[stop]
		if c <= ' ' || c == '"' || c == '`' || c == '<' || c == '>' || c == '\'' {
			break
		}
		if c == '\\' {
			if sign, _ := signAt(h.text, stop); sign == '\\' && !hasFold(h.text, stop, "\\/") && !hasFold(h.text, stop, "\\\\") || sign == '"' {
				break
			}
		}
		if c == ':' && isSign(h.text, stop) || c == '%' && hasFold(h.text, stop, "%3a%2f%2f") {
			next = stop
			break
		}
		if encoded && c == '&' {
			break
		}
		stop++
	}
	if next >= 0 {
		// Without the next scheme.
		for stop > begin && kinds[h.text[stop-1]]&(letter|digit) != 0 {
			stop--
		}
	}
	part := h.text[begin:stop]
	colonSign, atSign := ":", "@"
	if encoded {
		colonSign, atSign = "%3a", "%40"
	}
	at := lastFold(part, atSign)
	if at < 0 {
		return begin
	}
	if query := strings.IndexByte(part, '?'); query >= 0 && !encoded {
		if earlier := strings.LastIndexByte(part[:query], '@'); earlier >= 0 {
			at = earlier
		}
	}
	user := 0
	for user < at && !hasFold(part, user, colonSign) {
		if c := part[user]; c == '/' || c == '?' || c == '#' || c == '[' {
			return begin
		}
		user++
	}
	if user == at {
		// A token in the user's place.
		if looksRandom(part[:at]) && len(part[:at]) >= 16 || len(part[:at]) >= 24 && isHex(part[:at]) {
			h.mask(begin, begin+at)
			return begin + at
		}
		return begin
	}
	password := user + len(colonSign)
	if user >= 20 && looksRandom(part[:user]) {
		h.mask(begin, begin+user)
	}
	if port := run(part, password, digit); port > password && port-password <= 5 && port < len(part) && port != at &&
		strings.IndexByte("/?#", part[port]) >= 0 {
		return begin + port
	}
	h.mask(begin+password, begin+at)
	return begin + at
}

// isSign tells "://", escaped or not.
func isSign(text string, at int) bool {
	for range 2 {
		at = skipEscapes(text, at+1)
		if at >= len(text) || text[at] != '/' {
			return false
		}
	}
	return true
}

func lastFold(text, sign string) int {
	for at := len(text) - len(sign); at >= 0; at-- {
		if hasFold(text, at, sign) {
			return at
		}
	}
	return -1
}
