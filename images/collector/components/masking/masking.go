// Package masking hides credentials, and by setting personal data, in what services log.
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
func (m *Masker) Text(text string) (string, bool) { return text, false }

// Value hides credentials in a value, nested to any depth. The name is the one it stands under, or empty.
func (m *Masker) Value(name string, value pcommon.Value) bool { return false }

// Attributes hides credentials in all values of a map, nested to any depth.
func (m *Masker) Attributes(attributes pcommon.Map) bool { return false }
