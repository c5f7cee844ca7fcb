package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/internal/config"
)

// addLogFlags adds the flags that stand for the file's section log.
func addLogFlags(c *cobra.Command) {
	c.Flags().String("log-format", "text", "`FORMAT`: text or json (log.format)")
	c.Flags().String("log-level", "info", "`LEVEL`: debug, info, warn or error (log.level)")
}

// logOverrides are the log flags that were given, as keys.
func logOverrides(c *cobra.Command) []config.Override {
	var o []config.Override
	for flag, key := range map[string]string{"log-format": "log.format", "log-level": "log.level"} {
		if f := c.Flags().Lookup(flag); f.Changed {
			o = append(o, config.Override{Flag: "--" + flag, Key: key, Value: f.Value.String()})
		}
	}
	return o
}

// logger makes the log that was configured, on the error stream. Logging never
// blocks; end writes what still waits.
func (p *program) logger(c config.Log) (log *slog.Logger, end func(), err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, nil, fmt.Errorf("log level: %w", err) // config has refused it
	}
	options := &slog.HandlerOptions{Level: level}
	out := startOutput(p.stderr)
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options)), out.close, nil
	}
	return slog.New(slog.NewTextHandler(out, options)), out.close, nil
}
