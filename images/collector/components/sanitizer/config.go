package sanitizer

import (
	"errors"
	"time"

	"atlas/images/collector/components/masking"
)

// Config is the processor's section in a Collector's configuration.
type Config struct {
	// PersonalData hides card numbers, IBANs and e-mail addresses as well.
	PersonalData bool `mapstructure:"personal_data"`
	// MaxAge is how old a log record may be for the store: an older one gets the time of its arrival.
	MaxAge time.Duration `mapstructure:"max_age"`
	// Keep says which spans are marked to be kept whatever the sampling.
	Keep KeepConfig `mapstructure:"keep"`
	// Metrics is what the store of metrics takes.
	Metrics MetricsConfig `mapstructure:"metrics"`
}

// KeepConfig says which spans are slow. Without SlowerThan none is marked.
type KeepConfig struct {
	SlowerThan time.Duration `mapstructure:"slower_than"`
	// UnlessRoute is how the routes begin that are meant to be slow.
	UnlessRoute string `mapstructure:"unless_route"`
}

// Validate refuses what would move every record.
func (config *Config) Validate() error {
	if config.MaxAge < time.Hour {
		return errors.New("max_age must be an hour at least")
	}
	return nil
}

func (config *Config) masking() masking.Settings {
	return masking.Settings{PersonalData: config.PersonalData}
}
