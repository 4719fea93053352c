package masking

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// personal are the bytes with which something personal begins, or that are in the middle of it.
var personal = func() (table [256]bool) {
	for c := range table {
		table[c] = c == '@' || kinds[c]&(digit|upper) != 0
	}
	return table
}()

// hidePersonal hides card numbers, IBANs and e-mail addresses.
func hidePersonal(text string) (string, bool) {
	h := hider{text: text}
	for at := 0; at < len(text); {
		c := text[at]
		switch {
		case !personal[c]:
			at++
		case c == '@':
			at = h.mail(at)
		case kinds[c]&digit != 0:
			at = h.card(at)
		case at+4 < len(text) && kinds[text[at+2]]&digit != 0 && kinds[text[at+3]]&digit != 0 && kinds[text[at+1]]&upper != 0:
			at = h.iban(at)
		default:
			at++
		}
	}
	return h.result()
}

// number hides an integer that is a card's number.
func (m *Masker) number(value pcommon.Value) bool {
	var number int64
	if value.Type() == pcommon.ValueTypeInt {
		number = value.Int()
	} else {
		number = int64(value.Double())
		if float64(number) != value.Double() {
			return false
		}
	}
	if number < 1e12 {
		return false
	}
	if _, hidden := hidePersonal(strconv.FormatInt(number, 10)); !hidden {
		return false
	}
	value.SetStr(Mask)
	return true
}

// mail hides the address around an @. It is none without a dot in its domain, in an URL's user, or before a version (name@1.2.3).
func (h *hider) mail(at int) int {
	text := h.text
	begin := at
	for begin > h.done && at-begin < 64 && (kinds[text[begin-1]]&inName != 0 || strings.IndexByte("+%'!#$&*=?^{|}~", text[begin-1]) >= 0 && text[begin-1] != '=') {
		if text[begin-1] == '&' || text[begin-1] == '?' || text[begin-1] == '\'' {
			break
		}
		before := wordBegin(text, begin, h.done)
		if before == begin {
			break
		}
		begin = before
	}
	for begin < at && kinds[text[begin]]&(letter|digit) == 0 {
		begin++
	}
	end := at + 1
	for end < len(text) && end-at < 256 && (kinds[text[end]]&(letter|digit) != 0 || text[end] == '-' || text[end] == '.') {
		end++
	}
	for end > at+1 && kinds[text[end-1]]&(letter|digit) == 0 {
		end--
	}
	dot := strings.LastIndexByte(text[at:end], '.')
	if begin == at || dot < 2 || end-at-dot-1 < 2 || run(text, at+dot+1, letter) != end {
		return at + 1
	}
	// The password of an URL and its host.
	if begin > 2 && (text[begin-1] == '/' || text[begin-1] == ':') && strings.Contains(text[max(h.done, begin-80):begin], "://") {
		return at + 1
	}
	h.mask(begin, end)
	return end
}

// card hides a number of 13 to 19 digits with a card issuer's beginning and length and a right check digit, in one piece or in groups.
func (h *hider) card(at int) int {
	text := h.text
	first := run(text, at, digit)
	if first-at < 4 || first-at < 13 && (first == len(text) || text[first] != ' ' && text[first] != '-') {
		return first
	}
	var all [19]byte
	count, end, separator := 0, at, byte(0)
	for i := at; i < len(text); i++ {
		c := text[i]
		if kinds[c]&digit != 0 {
			if count == len(all) {
				return run(text, i, digit)
			}
			all[count] = c - '0'
			count++
			end = i + 1
			continue
		}
		// Groups are of three digits at least, with the same blank or dash between all.
		if (c == ' ' || c == '-') && (separator == 0 || separator == c) && i+1 < len(text) && kinds[text[i+1]]&digit != 0 && i == end && count >= 3 {
			separator = c
			continue
		}
		break
	}
	if count < 13 || at > 0 && (kinds[text[at-1]]&(letter|digit) != 0 && !escapedBefore(text, at) || strings.IndexByte("._", text[at-1]) >= 0) ||
		end < len(text) && kinds[text[end]]&letter != 0 || separator != 0 && (first-at < 4 || first-at > 6) {
		return first
	}
	if !isIssued(all[:count]) || !luhn(all[:count]) {
		return first
	}
	h.hideNumber(at, end)
	return end
}

func escapedBefore(text string, at int) bool { return wordBegin(text, at, 0) == at }

// hideNumber keeps JSON: a number that was a member's value becomes a string.
func (h *hider) hideNumber(from, to int) {
	text := h.text
	before := from
	for before > 0 && kinds[text[before-1]]&blank != 0 {
		before--
	}
	after := run(text, to, blank)
	if before > 1 && after < len(text) && strings.IndexByte(",}]\n\r", text[after]) >= 0 {
		mark := byte(0)
		switch text[before-1] {
		case ':':
			mark = text[before-2]
		case ',', '[':
			mark = '"'
		}
		if mark == '"' {
			escapes := 0
			for text[before-1] == ':' && before-3-escapes >= 0 && text[before-3-escapes] == '\\' {
				escapes++
			}
			h.write(from, to, strings.Repeat("\\", escapes)+"\""+Mask+strings.Repeat("\\", escapes)+"\"")
			return
		}
	}
	h.mask(from, to)
}

// isIssued tells whether a card's issuer gives out numbers that begin so and are as long.
func isIssued(number []byte) bool {
	begins := func(digits int) (value int) {
		for _, each := range number[:digits] {
			value = value*10 + int(each)
		}
		return value
	}
	two, four := begins(2), begins(4)
	switch length := len(number); {
	case number[0] == 4:
		return length == 13 || length == 16 || length == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return length == 16
	case two == 34, two == 37:
		return length == 15
	case two == 36, two == 38, two == 39, four >= 3000 && four <= 3059, four == 3095:
		return length == 14 || length == 16
	case four == 6011, two == 65, four >= 6440 && four <= 6499, two == 62, two == 81:
		return length >= 16
	case four >= 3528 && four <= 3589:
		return length >= 16
	case two == 50, two >= 56 && two <= 58, two == 63, two == 67:
		return length == 16
	}
	return false
}

func luhn(number []byte) bool {
	sum, double := 0, false
	for at := len(number) - 1; at >= 0; at-- {
		each := int(number[at])
		if double {
			if each *= 2; each > 9 {
				each -= 9
			}
		}
		sum, double = sum+each, !double
	}
	return sum%10 == 0
}

// ibanLengths are the countries that have IBANs.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21,
	"CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18,
	"FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
	"IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24,
	"ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
	"PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23,
	"ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// iban hides an IBAN, in one piece or in groups of four.
func (h *hider) iban(at int) int {
	text := h.text
	length := ibanLengths[text[at:at+2]]
	if length == 0 || !atBoundary(text, at) {
		return at + 1
	}
	var all [34]byte
	count, i := 0, at
	for i < len(text) && count < length {
		c := text[i]
		if c == ' ' && count%4 == 0 && i+1 < len(text) && text[i+1] != ' ' {
			i++
			continue
		}
		if kinds[c]&(upper|digit) == 0 {
			return at + 1
		}
		all[count] = c
		count++
		i++
	}
	if count < length || i < len(text) && kinds[text[i]]&(letter|digit) != 0 {
		return at + 1
	}
	rest := 0
	for n := range length {
		c := all[(n+4)%length]
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	if rest != 1 {
		return at + 1
	}
	h.mask(at, i)
	return i
}
