package sanitizer

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// MetricsConfig is what the processor has to know of the store of metrics, which is Prometheus.
type MetricsConfig struct {
	// MaxAge and MaxAhead bound a data point's time around its arrival. Prometheus refuses what is 10 minutes ahead, and what is older
	// than its out-of-order window, of which the queue needs a part.
	MaxAge   time.Duration `mapstructure:"max_age"`
	MaxAhead time.Duration `mapstructure:"max_ahead"`
	// Reserved is a regular expression of the series, as Prometheus names them, that nobody may push. Series that are recorded or that
	// Prometheus itself makes are reserved without being named.
	Reserved string `mapstructure:"reserved"`
	// Agents is such an expression too: of the series that a node agent pushes, and no pod.
	Agents string `mapstructure:"agents"`
	// ResourceLabels are the resource attributes that become labels: a data point's own attribute must not stand for one.
	ResourceLabels []string `mapstructure:"resource_labels"`
	// Gateway is this Collector's name. It goes on the points of delta temporality: each gateway adds up those that it gets.
	Gateway string `mapstructure:"gateway"`
	// DeltaBytes is how much memory the streams of delta temporality of one sender may take; those of all, sixteen times as much.
	DeltaBytes int `mapstructure:"delta_bytes"`
}

func defaultMetricsConfig() MetricsConfig {
	return MetricsConfig{MaxAge: 90 * time.Minute, MaxAhead: 5 * time.Minute, DeltaBytes: 4 << 20}
}

// Validate is called by the Collector before it starts.
func (config *MetricsConfig) Validate() error {
	if config.MaxAge <= 0 || config.MaxAhead <= 0 {
		return errors.New("max_age and max_ahead must be above 0")
	}
	if config.DeltaBytes < 0 {
		return errors.New("delta_bytes must not be negative")
	}
	for name, expression := range map[string]string{"reserved": config.Reserved, "agents": config.Agents} {
		if _, err := wholeNames(expression); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// wholeNames of series match, and none where there is no expression.
func wholeNames(expression string) (*regexp.Regexp, error) {
	if expression == "" {
		// No name has a line break.
		expression = `\n`
	}
	return regexp.Compile("^(?:" + expression + ")$")
}
