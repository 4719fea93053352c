package sanitizer

import (
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth is how deep maps and lists may lie in each other.
const maxDepth = 32

// tame makes a nested value fit to be walked and masked: it is bounded in depth, its texts in length and all of them UTF-8. It is the
// value's size as JSON, at most, and whether something was cut.
func tame(value pcommon.Value, depth, longest int) (size int, cut bool) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		text := value.Str()
		if fits := cutText(validText(text), longest); fits != text {
			value.SetStr(fits)
			text, cut = fits, true
		}
		return jsonSize(text), cut
	case pcommon.ValueTypeMap:
		if depth == 0 {
			value.SetStr("…")
			return 5, true
		}
		members, valid := value.Map(), true
		for name, member := range members.All() {
			inner, shorter := tame(member, depth-1, longest)
			size, cut = size+jsonSize(name)+2+inner, cut || shorter
			valid = valid && utf8.ValidString(name)
		}
		if !valid {
			cut = true
			whole := pcommon.NewMap()
			whole.EnsureCapacity(members.Len())
			for name, member := range members.All() {
				member.MoveTo(whole.PutEmpty(validText(name)))
			}
			whole.MoveTo(members)
		}
		return size + 2, cut
	case pcommon.ValueTypeSlice:
		if depth == 0 {
			value.SetStr("…")
			return 5, true
		}
		for _, member := range value.Slice().All() {
			inner, shorter := tame(member, depth-1, longest)
			size, cut = size+1+inner, cut || shorter
		}
		return size + 2, cut
	case pcommon.ValueTypeBytes:
		bytes := value.Bytes()
		if bytes.Len() > longest {
			shorter := append([]byte(nil), bytes.AsRaw()[:longest]...)
			value.SetEmptyBytes().FromRaw(shorter)
			cut = true
		}
		return value.Bytes().Len()*4/3 + 6, cut
	default:
		return numberSize, false
	}
}

// plainSize is the size as JSON of a value that may stay as it is, and -1 of one that may not: a list with maps, or with texts that are
// not UTF-8.
func plainSize(value pcommon.Value) int {
	return plainSizeWithin(value, maxDepth)
}

func plainSizeWithin(value pcommon.Value, depth int) int {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if text := value.Str(); utf8.ValidString(text) {
			return jsonSize(text)
		}
		return -1
	case pcommon.ValueTypeMap:
		return -1
	case pcommon.ValueTypeSlice:
		if depth == 0 {
			return -1
		}
		size := 2
		for _, member := range value.Slice().All() {
			inner := plainSizeWithin(member, depth-1)
			if inner < 0 {
				return -1
			}
			size += inner + 1
		}
		return size
	case pcommon.ValueTypeBytes:
		return value.Bytes().Len()*4/3 + 6
	default:
		return numberSize
	}
}

// numberSize is at least as long as any number or truth in text.
const numberSize = 24

// jsonSize is how long a text can become in JSON.
func jsonSize(text string) int {
	size := len(text) + 2
	for at := 0; at < len(text); at++ {
		if letter := text[at]; letter < 0x20 || letter == '"' || letter == '\\' || letter == '<' || letter == '>' || letter == '&' || letter == 0x7f {
			size += 5
		}
	}
	return size
}
