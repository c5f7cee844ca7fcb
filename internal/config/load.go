package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"syscall"
)

// maxSize bounds a file; a configuration is a few kilobytes.
const maxSize = 1 << 20

// Options are what reading a configuration needs from outside. The zero value is ready.
type Options struct {
	// Getenv looks up ${NAME}. Nil means os.LookupEnv.
	Getenv func(name string) (value string, found bool)
	// CheckDSN reports what is wrong with a DSN, for a driver by its canonical name; the
	// text must not hold the DSN. Nil means that DSNs are not looked at.
	CheckDSN func(driver, dsn string) error
	// DriverOf tells the driver, by its canonical name, from the look of a DSN, where the
	// key driver is left out; the error's text must not hold the DSN. Nil means that
	// driver must be given.
	DriverOf func(dsn string) (driver string, err error)
}

// Override sets one key from a flag. It wins over the file. Overrides are applied in order
// after the file has been read and before anything is validated, and their problems name
// the flag instead of a line.
type Override struct {
	// Flag is the flag as people write it, such as "--listen".
	Flag string
	// Key is the key's path, such as "agent.listen". With "[]" behind it the value is
	// appended to a list: "agent.checks[]". A section that the file lacks is added,
	// with its defaults.
	Key string
	// Value is the key's Go value, or its text as it would be in the file (without
	// ${…}: shells expand their own variables). A list takes a slice of either. In a
	// Check that is appended, zero fields take their defaults, and a missing Name
	// becomes one that no other check has.
	Value any
}

// Load reads, parses and validates the file at path. An empty path stands for no file:
// then the overrides are all there is. The error is an [*Error] if the configuration has
// problems; otherwise the file could not be read, and the error says why and what to do.
func Load(path string, opt Options, overrides ...Override) (*File, error) {
	if path == "" {
		return Parse("", nil, opt, overrides...)
	}
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, opt, overrides...)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, readError(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, readError(path, err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: larger than 1 MiB; is it the right file?", path)
	}
	return data, nil
}

func readError(path string, err error) error {
	hint := "check that it can be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "check the path, or write the file"
	case errors.Is(err, fs.ErrPermission):
		hint = "let the user that runs inservice read it"
	case errors.Is(err, syscall.EISDIR):
		hint = "give the path of a file"
	}
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err // without the path, which is said already
	}
	return fmt.Errorf("%s: cannot read the configuration: %w; %s", path, cause, hint)
}

// Parse reads and validates a configuration; name is what problems call it. An empty name
// with no data stands for no file, as in [Load]. The error is an [*Error] unless an
// override's Key or Value does not fit the structs, which is a mistake of the caller.
func Parse(name string, data []byte, opt Options, overrides ...Override) (*File, error) {
	if opt.Getenv == nil {
		opt.Getenv = os.LookupEnv
	}
	rep := newReport(data)
	file := new(File)
	setDefaults(reflect.ValueOf(file).Elem())
	if name != "" || len(data) > 0 {
		parseYAML(data, file, opt.Getenv, rep)
	}
	if !rep.unreadable {
		for _, o := range overrides {
			if err := override(reflect.ValueOf(file).Elem(), o, rep); err != nil {
				return nil, err
			}
		}
		validate(file, opt, rep)
	}
	if len(rep.problems) > 0 {
		return nil, &Error{Name: cmp.Or(name, "flags"), Problems: rep.sorted()}
	}
	return file, nil
}

// validate looks at the whole configuration, wherever its values came from. It also fills
// in what follows from other keys.
func validate(file *File, opt Options, rep *report) {
	if file.Balance == nil && file.Agent == nil && len(rep.problems) == 0 {
		rep.add("", "there is neither a balance nor an agent section", "write at least one of them")
	}
	if file.Balance != nil {
		validateBalance(file.Balance, rep)
	}
	if file.Agent != nil {
		validateAgent(file.Agent, opt, rep)
	}
	validateLog(file.Log, rep)
}

func validateLog(l Log, rep *report) {
	oneOf("log.format", l.Format, []string{"text", "json"}, rep)
	oneOf("log.level", l.Level, []string{"debug", "info", "warn", "error"}, rep)
}

func oneOf(key, value string, allowed []string, rep *report) {
	if rep.ok(key) && !slices.Contains(allowed, value) {
		rep.add(key, rep.quote(key, value)+" is not allowed here", suggest(value, allowed))
	}
}
