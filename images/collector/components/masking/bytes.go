package masking

// Kinds of bytes. A byte may be of several.
const (
	lower uint16 = 1 << iota
	upper
	digit
	hexadecimal
	blank
	// inName: may stand in a name.
	inName
	// inToken: may stand in the random part of a well-known token.
	inToken
	// inBase64: of either alphabet, padding included.
	inBase64
	letter = lower | upper
)

var kinds = func() (table [256]uint16) {
	add := func(bytes string, kind uint16) {
		for at := 0; at < len(bytes); at++ {
			table[bytes[at]] |= kind
		}
	}
	small, big, numerals := "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	add(small, lower)
	add(big, upper)
	add(numerals, digit)
	add(numerals+"abcdefABCDEF", hexadecimal)
	add(" \t", blank)
	add(small+big+numerals+"_.-", inName)
	add(small+big+numerals+"_-", inToken)
	add(small+big+numerals+"+/=_-", inBase64)
	return table
}()

// fold makes a Latin letter small.
func fold(c byte) byte {
	if kinds[c]&upper != 0 {
		return c | 0x20
	}
	return c
}

// run is where bytes of a kind end.
func run(text string, at int, kind uint16) int {
	for at < len(text) && kinds[text[at]]&kind != 0 {
		at++
	}
	return at
}

// hasFold tells whether a text goes on with a word of small letters, whatever the case.
func hasFold(text string, at int, word string) bool {
	if at < 0 || len(text)-at < len(word) {
		return false
	}
	for n := 0; n < len(word); n++ {
		if fold(text[at+n]) != word[n] {
			return false
		}
	}
	return true
}
