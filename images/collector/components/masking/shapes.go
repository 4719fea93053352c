package masking

import "strings"

// What a value looks like is judged by its first bytes, so that judging is cheap however long it is.
const judged = 96

// shape counts what a value is made of.
type shape struct {
	length, lower, upper, digit, other, changes int
}

func shapeOf(value string) (found shape) {
	if len(value) > judged {
		value = value[:judged]
	}
	found.length = len(value)
	before := uint16(0)
	for at := 0; at < len(value); at++ {
		kind := kinds[value[at]] & (lower | upper | digit)
		switch kind {
		case lower:
			found.lower++
		case upper:
			found.upper++
		case digit:
			found.digit++
		default:
			found.other++
		}
		// A capital at a word's beginning is ordinary spelling.
		if at > 0 && kind != before && !(before == upper && kind == lower) {
			found.changes++
		}
		before = kind
	}
	return found
}

// looksRandom tells a random value from words, names of classes, paths, numbers and tickers: half of it at least is in pieces that are none.
func looksRandom(value string) bool {
	if len(value) > judged {
		value = value[:judged]
	}
	random := 0
	for at := 0; at < len(value); at++ {
		end := run(value, at, letter|digit)
		if end > at && !isWord(value[at:end]) {
			random += end - at
		}
		at = end
	}
	return random >= 8 && random*2 >= len(value)
}

// followers are the letters that often come after each letter in the words that people write.
var followers = func() (table [26]uint32) {
	for at, often := range [26]string{
		"bcdfgiklmnprstuvwy", "aeilorsuyjb", "acehiklorstuy", "adeiorsugy", "acdefgilmnopqrstuvwxybhk", "aefilortu", "aeghilnorsu",
		"aeiortuy", "abcdefgklmnoprstvxz", "aeous", "aeinlso", "abcdefiklmopstuvy", "abeimnopsu", "acdefgiklnopstuvy",
		"abcdefghiklmnoprstuvwx", "aehiloprstu", "u", "abcdefgiklmnoprstuvy", "acehiklmnopqstuwy", "acehilmorstuwy", "abcdefgilmnprst",
		"aeio", "aehinors", "aceipt", "eospm", "aeioz",
	} {
		for _, letter := range often {
			table[at] |= 1 << (letter - 'a')
		}
	}
	return table
}()

// isWord tells words that are written as one, ordersHistory12345678, or a number. Of a random text's pairs of letters 2 in 5 are usual.
func isWord(piece string) bool {
	begin := run(piece, 0, digit)
	end := run(piece, begin, letter)
	if begin > 4 && begin < len(piece) || begin > 0 && end > begin && end < len(piece) || run(piece, end, digit) != len(piece) {
		return false
	}
	usual := 0
	for at := begin + 1; at < end; at++ {
		if followers[fold(piece[at-1])-'a']&(1<<(fold(piece[at])-'a')) != 0 {
			usual++
		}
	}
	return usual*4 >= (end-begin-1)*3-1
}

// looksToken is for names that may also be of the market.
func looksToken(value string) bool {
	s := shapeOf(value)
	switch {
	case s.length < 8 || s.lower+s.upper == 0:
		return false
	case isContract(value):
		return false
	case s.digit == 0 && (s.lower == 0 || s.upper <= 1):
		return false
	case s.lower == 0 && s.length < 24:
		return false
	case s.digit == 0:
		return looksRandom(value)
	}
	return true
}

func isUUID(value string) bool {
	if len(value) != 36 {
		return false
	}
	for at := range len(value) {
		if dash := at == 8 || at == 13 || at == 18 || at == 23; dash != (value[at] == '-') || !dash && kinds[value[at]]&hexadecimal == 0 {
			return false
		}
	}
	return true
}

// isContract tells an address on a chain.
func isContract(value string) bool {
	return len(value) == 42 && value[0] == '0' && value[1]|0x20 == 'x' && isHex(value[2:])
}

func isHex(value string) bool { return len(value) > 0 && run(value, 0, hexadecimal) == len(value) }

// isNumber tells digits alone, with a sign or a point.
func isNumber(value string) bool {
	if len(value) > 0 && value[0] == '-' {
		value = value[1:]
	}
	seen := false
	for at := 0; at < len(value); at++ {
		if kinds[value[at]]&digit != 0 {
			seen = true
		} else if value[at] != '.' {
			return false
		}
	}
	return seen
}

// isKeyLine tells a line of a key's base64 that stands alone. Digests and ids in hex, paths and fillings stay.
func isKeyLine(text string) bool {
	if len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	if len(text) < 36 || len(text) > 76 || len(text)%4 != 0 {
		return false
	}
	body := text
	for n := 0; n < 2 && body[len(body)-1] == '='; n++ {
		body = body[:len(body)-1]
	}
	for at := 0; at < len(body); at++ {
		if c := body[at]; kinds[c]&(letter|digit) == 0 && c != '+' && c != '/' {
			return false
		}
	}
	s := shapeOf(body)
	return !isHex(body) && s.upper > 0 && s.lower > 0 && s.changes*4 >= s.length && looksRandom(body)
}

// judge tells whether a value under a name of a class is a credential.
func judge(kind class, value string) bool {
	if value == Mask || value == "" {
		return false
	}
	switch kind {
	case strong, header, cookie:
		return true
	case token:
		return looksToken(value)
	case opaque:
		if value[0] == '.' || value[0] == '/' && strings.IndexByte(value, '.') > 0 {
			return false
		}
		return len(value) >= 16 && !isContract(value) && (looksRandom(value) || len(value) >= 32 && isHex(value))
	case sessionID:
		return !isUUID(value) && judge(opaque, value)
	case signature:
		if len(value) > 256 {
			return false
		}
		return isHex(value) && (len(value) == 64 || len(value) == 96 || len(value) == 128) ||
			len(value) >= 40 && value[len(value)-1] == '=' && run(value, 0, inBase64) == len(value)
	case digits:
		if run(value, 0, digit) == len(value) {
			return len(value) >= 3 && len(value) <= 12
		}
		return len(value) <= 32 && looksRandom(value)
	case seed:
		return wordCount(value) >= 11 || len(value) >= 16 && looksRandom(value) || len(value) >= 32 && isHex(value)
	case address:
		return false
	}
	return false
}

// wordCount counts the words of small letters that a text begins with, one blank or comma between them.
func wordCount(value string) (count int) {
	for at := 0; at < len(value) && count < 24; {
		end := run(value, at, letter)
		if end-at < 2 || end-at > 9 {
			return count
		}
		count++
		at = end
		for at < len(value) && (value[at] == ' ' || value[at] == ',') && at-end < 2 {
			at++
		}
		if at == end {
			return count
		}
	}
	return count
}
