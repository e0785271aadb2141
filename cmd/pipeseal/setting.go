package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// setting is one row of a command's contract: an action input NAME, a variable
// PIPESEAL_NAME and a flag --NAME are one thing under three spellings. A flag wins over a
// variable, a variable over the default; an empty variable is an unset one, and a list in a
// variable has one value a line. In a plugin's step PLUGIN_NAME is a fourth spelling.
type setting struct {
	// name is the spelling of flag and input: lower case, words joined with "-".
	name string
	// value points to where the setting goes and holds its default: *string, *[]string,
	// *bool or *time.Duration.
	value any
	// usage is one line of help; a word in back quotes names the value.
	usage string
	// choices are the values a string may have; nil means any.
	choices []string
	// offered are values that a shell's completion offers of a string that may have any.
	offered []string
	// weak is the value that weakens a guarantee, which no variable may set; "" is none.
	weak string
	// trust marks what decides whom to believe: where it came from is printed.
	trust bool
}

// flagOnly tells whether the setting weakens a guarantee: then no variable may set it.
func (s setting) flagOnly() bool {
	return strings.HasPrefix(s.name, "insecure-") || strings.HasSuffix(s.name, "-unsafe")
}

// variable is the setting's environment variable, "" for one that is a flag only.
func (s setting) variable() string {
	if s.flagOnly() {
		return ""
	}
	return variableOf(s.name)
}

func variableOf(name string) string {
	return "PIPESEAL_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// choiceText are the values that the setting may have; unset is not one of them.
func (s setting) choiceText() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(s.choices), func(c string) bool { return c == "" }), ", ")
}

// bind declares the settings as flags of cmd.
func bind(cmd *cobra.Command, settings []setting) {
	fs := cmd.Flags()
	for _, s := range settings {
		usage := s.usage
		if s.choices != nil {
			usage += " (" + s.choiceText() + ")"
		}
		switch v := s.value.(type) {
		case *string:
			fs.StringVar(v, s.name, *v, usage)
		case *[]string:
			fs.StringArrayVar(v, s.name, *v, usage)
		case *bool:
			fs.BoolVar(v, s.name, *v, usage)
		case *time.Duration:
			fs.DurationVar(v, s.name, *v, usage)
		}
		if offered := slices.Concat(s.choices, s.offered); offered != nil {
			// The flag was declared a line above, so this cannot fail.
			_ = cmd.RegisterFlagCompletionFunc(s.name, cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

// settle fills what no flag set from the environment and checks every value. It returns
// where each trust setting that is not at its default came from, a line each.
func settle(fs *pflag.FlagSet, settings []setting, getenv func(string) string) (origins []string, err error) {
	for _, s := range settings {
		flag := fs.Lookup(s.name)
		value, err := s.lookup(getenv)
		if err != nil {
			return nil, err
		}
		from := ""
		switch {
		case flag.Changed && (flag.Value.String() != "" || flag.DefValue == ""):
			from = "--" + s.name
		case value.text != "":
			from = value.variable
			if err := s.set(value.text); err != nil {
				return nil, fault.New(fault.Usage, "%s: %w", from, err).WithHint("set %s to %s, or leave it empty", from, s.wants())
			}
		case flag.Changed:
			// An empty flag is an unset one, as an empty variable is.
			if err := s.set(flag.DefValue); err != nil {
				return nil, fault.New(fault.Unexpected, "default of --%s: %w", s.name, err)
			}
		}
		if v, ok := s.value.(*string); ok && s.weak != "" && *v == s.weak && !flag.Changed {
			return nil, fault.New(fault.Usage, "%s is %s, which weakens what is verified, and no variable may say so", from, s.weak).
				WithHint("use --%s %s, or unset the variable (--no-env ignores it)", s.name, s.weak)
		}
		if v, ok := s.value.(*string); ok && s.choices != nil && !slices.Contains(s.choices, *v) {
			return nil, fault.New(fault.Usage, "%s is %q", from, remote.Printable(*v)).WithHint("use one of %s", s.choiceText())
		}
		if v, ok := s.value.(*[]string); ok && s.choices != nil {
			for _, one := range *v {
				if !slices.Contains(s.choices, one) {
					return nil, fault.New(fault.Usage, "%s has %q", from, remote.Printable(one)).WithHint("use one of %s", s.choiceText())
				}
			}
		}
		if s.trust && from != "" {
			origins = append(origins, fmt.Sprintf("%s from %s", s.name, from))
		}
	}
	return origins, nil
}

// given is what the environment says of a setting, and which variable says it; the zero
// value is nothing.
type given struct{ variable, text string }

// lookup reads the setting from the environment.
func (s setting) lookup(getenv func(string) string) (given, error) {
	variable := s.variable()
	if variable == "" {
		return given{}, nil
	}
	own := given{variable, getenv(variable)}
	if !pluginStep(getenv) {
		return own, nil
	}
	_, list := s.value.(*[]string)
	plugin := pluginSetting(s.name, list, getenv)
	switch {
	case plugin.text == "":
		return own, nil
	case own.text != "" && own.text != plugin.text:
		return given{}, fault.New(fault.Usage, "%s and %s say different things", own.variable, plugin.variable).
			WithHint("set one of them")
	}
	return plugin, nil
}

func (s setting) set(text string) (err error) {
	switch v := s.value.(type) {
	case *string:
		*v = text
	case *[]string:
		*v = lines(text)
	case *bool:
		if *v, err = strconv.ParseBool(text); err != nil {
			return fmt.Errorf("%q is neither true nor false", remote.Printable(text))
		}
	case *time.Duration:
		if *v, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("%q is no duration such as 90s or 5m", remote.Printable(text))
		}
	}
	return nil
}

// wants says what a value looks like.
func (s setting) wants() string {
	switch s.value.(type) {
	case *bool:
		return "true or false"
	case *time.Duration:
		return "a duration such as 90s or 5m"
	}
	return "a text"
}

// lines splits a list in a variable: one value a line, surrounding space and empty lines dropped.
func lines(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// subjectsOf are the positional arguments, or what the environment names where there are none.
func subjectsOf(args []string, getenv func(string) string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	subjects := setting{name: "subjects", value: new([]string)}
	value, err := subjects.lookup(getenv)
	return lines(value.text), err
}
