// Package masking hides credentials, and by setting personal data, in what services log.
//
// A credential is what stands under a name that says so, in whatever form the two are written, and what has the shape of one by itself. Texts
// are read once from left to right: a table finds the places where one may be, and each is looked at closely. There is no regular expression,
// nothing goes back further than the beginning of a name, and nothing is allocated unless something is found.
package masking

import "go.opentelemetry.io/collector/pdata/pcommon"

// Mask is what a credential becomes.
const Mask = "****"

// Settings chooses what is hidden besides credentials.
type Settings struct {
	// PersonalData are card numbers, IBANs and e-mail addresses.
	PersonalData bool
}

// Masker is safe for concurrent use.
type Masker struct{ settings Settings }

// New makes a Masker.
func New(settings Settings) *Masker { return &Masker{settings: settings} }

// Text hides what looks like a credential in a text. It tells whether it changed anything.
func (m *Masker) Text(text string) (string, bool) {
	if isKeyLine(text) {
		return Mask, true
	}
	return m.part(text)
}

// part is for a text that stands under a name: it is no line of a key.
func (m *Masker) part(text string) (string, bool) {
	text, changed := hideCredentials(text)
	if !m.settings.PersonalData {
		return text, changed
	}
	for n := 0; n < 4; n++ {
		hidden, more := hidePersonal(text)
		if !more {
			break
		}
		text, changed = hidden, true
		if text, more = hideCredentials(text); !more {
			break
		}
	}
	return text, changed
}

// Value hides credentials in a value, nested to any depth. The name is the one it stands under, or empty.
func (m *Masker) Value(name string, value pcommon.Value) bool {
	if name == "" {
		if value.Type() == pcommon.ValueTypeStr {
			text, changed := m.Text(value.Str())
			if changed {
				value.SetStr(text)
			}
			return changed
		}
		return m.value(none, false, value, 0)
	}
	kind, plural := nameClass(name)
	return m.value(kind, plural, value, 0)
}

// Attributes hides credentials in all values of a map, nested to any depth.
func (m *Masker) Attributes(attributes pcommon.Map) bool {
	return m.pairs(none, attributes, 0)
}

// nameClass tells what an attribute's name says.
func nameClass(name string) (class, bool) {
	a, at := known.next(name, 0)
	for a != nil && a.does != inAName {
		if a.does == foreign {
			return strong, false
		}
		a, at = known.next(name, at+1)
	}
	if a == nil && !hasFold(name, len(name)-2, "pw") {
		return none, false
	}
	var words wordsOf
	words.split(name)
	return words.classify()
}

// deepest is how far maps and lists are followed. What is below is hidden as a whole: nobody nests as deep but to hide something.
const deepest = 64

func (m *Masker) pairs(under class, attributes pcommon.Map, depth int) (changed bool) {
	if depth > deepest {
		attributes.Clear()
		return true
	}
	sibling, plural := none, false
	if attributes.Len() <= 4 {
		sibling, plural = siblingClass(attributes)
	}
	for name, value := range attributes.All() {
		kind, many := nameClass(name)
		if under != none && !(kind == header || kind == cookie) {
			kind, many = under, false
		}
		if kind == none {
			if sibling != none && (name == "value" || name == "Value") {
				kind, many = sibling, plural
			}
		}
		if m.value(kind, many, value, depth) {
			changed = true
		}
	}
	return changed
}

// siblingClass is for {"name": "Authorization", "value": "Basic …"}.
func siblingClass(attributes pcommon.Map) (class, bool) {
	for _, name := range [...]string{"name", "Name", "key"} {
		if value, found := attributes.Get(name); found && value.Type() == pcommon.ValueTypeStr {
			return nameClass(value.Str())
		}
	}
	return none, false
}

func (m *Masker) value(kind class, plural bool, value pcommon.Value, depth int) bool {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		text, changed := m.named(kind, value.Str())
		if changed {
			value.SetStr(text)
		}
		return changed
	case pcommon.ValueTypeBytes:
		text, changed := m.named(kind, string(value.Bytes().AsRaw()))
		if changed {
			value.Bytes().FromRaw([]byte(text))
		}
		return changed
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		if plural || kind == none || !judge(kind, value.AsString()) {
			return m.settings.PersonalData && kind == none && m.number(value)
		}
		value.SetStr(Mask)
		return true
	case pcommon.ValueTypeMap:
		return m.pairs(inherited(kind), value.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		if kind == seed {
			kind = strong
		}
		return m.list(kind, plural, value.Slice(), depth+1)
	}
	return false
}

// inherited is what a map's name says about the values in it. A session or a token may be a whole object of harmless things.
func inherited(kind class) class {
	switch kind {
	case strong, header, cookie:
		return kind
	}
	return none
}

func (m *Masker) list(kind class, plural bool, values pcommon.Slice, depth int) (changed bool) {
	if depth > deepest {
		values.RemoveIf(func(pcommon.Value) bool { return true })
		return true
	}
	before := none
	for at := range values.Len() {
		value, here := values.At(at), kind
		// Raw headers: a name, its value, a name, its value.
		if here == none && before != none {
			here = before
		}
		before = none
		if kind == none && at%2 == 0 && at+1 < values.Len() && value.Type() == pcommon.ValueTypeStr {
			if name := value.Str(); len(name) < longestName && run(name, 0, inName) == len(name) {
				if next := values.At(at + 1); next.Type() == pcommon.ValueTypeStr && values.Len()%2 == 0 {
					if class, _ := nameClass(name); class != none && (looksRandom(next.Str()) || schemeLength(next.Str()) > 0 || isPairs(next.Str())) {
						before = class
					}
				}
			}
		}
		if m.value(here, plural, value, depth) {
			changed = true
		}
	}
	return changed
}

func isPairs(value string) bool {
	end := run(value, 0, inName)
	return end > 0 && end+1 < len(value) && value[end] == '='
}

// named hides a string under a name of a class.
func (m *Masker) named(kind class, text string) (string, bool) {
	switch {
	case kind == none, kind == address && !isAddress(text):
		return m.part(text)
	case kind == address:
		return hideAddress(text)
	case isPlaceholder(text) || isAdvice(text) || !judge(kind, text):
		return m.part(text)
	case kind == header:
		scheme := schemeLength(text)
		if text[scheme:] == Mask {
			return text, false
		}
		return text[:scheme] + Mask, true
	}
	return Mask, true
}
