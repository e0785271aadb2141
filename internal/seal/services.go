package seal

import (
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/trust"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// Private refuses, as a fault.Usage, to tell the public-good instance, whose certificates and
// log anyone can read for ever, about a source that is not known to be public. publishName is
// --publish-name-unsafe.
func Private(i *trust.Instance, source build.Source, publishName bool) error {
	v := source.Visibility
	if !i.PublicGood || v == "public" || publishName {
		return nil
	}
	if v == "" {
		v = "not known to be public"
	}
	return fault.New(fault.Usage, "the source %s is %s, and the public-good Sigstore instance would publish its name, its workflow and its branch for ever", source.URI, v).
		WithHint("use a private instance with --trust FILE, or accept the publication with --publish-name-unsafe")
}

// Chosen are the services that a run signs with.
type Chosen struct {
	// Services are the instance's; its Logs are those to write to, none where the log is off.
	trust.Services
	// Log says in words what is done about the log.
	Log string
	// Verify is what a reader of the run's own bundles asks of a log.
	Verify verify.LogMode
}

// WriteTo are the logs as a witness takes them.
func (c Chosen) WriteTo() []sign.Log {
	logs := make([]sign.Log, len(c.Logs))
	for i, l := range c.Logs {
		logs[i] = sign.Log{URL: l.URL, Version: l.Version}
	}
	return logs
}

// Choose picks an instance's services for now, and what is done about the log. All its errors
// are fault.Usage.
func Choose(i *trust.Instance, mode LogMode, now time.Time) (Chosen, error) {
	services, err := i.Services(now)
	if err != nil {
		return Chosen{}, err
	}
	c := Chosen{Services: services, Verify: verify.LogAuto}
	switch {
	case mode == LogOff:
		c.Logs, c.Verify = nil, verify.LogOff
		c.Log = "off (--log off)"
	case len(c.Logs) > 0:
		c.Log = c.Logs[0].URL
	case mode == LogRequired:
		return Chosen{}, fault.New(fault.Usage, "--log is required, and the signing configuration of %s names no transparency log", i.Name).
			WithHint("add a log to the signing configuration, or use --log auto")
	default:
		c.Verify = verify.LogOff
		c.Log = "none in this instance"
	}
	return c, nil
}
