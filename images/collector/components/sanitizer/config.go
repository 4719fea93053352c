package sanitizer

import "atlas/images/collector/components/masking"

// Config is the processor's section in a Collector's configuration.
type Config struct {
	// PersonalData hides card numbers, IBANs and e-mail addresses as well.
	PersonalData bool `mapstructure:"personal_data"`
}

func (config *Config) masking() masking.Settings {
	return masking.Settings{PersonalData: config.PersonalData}
}
