package health

// Degraded returns an error that says err without failing the check: a Run that
// returns it makes the status [Warn], which is in service, with err as the
// reason. For thresholds it is a pass. Degraded(nil) is nil.
//
// It may be wrapped. An error that joins several is degraded only when each of
// them is.
func Degraded(err error) error {
	if err == nil {
		return nil
	}
	return &degradedError{err}
}

// degradedError marks an error as one that does not fail the check.
type degradedError struct{ err error }

func (e *degradedError) Error() string { return e.err.Error() }
func (e *degradedError) Unwrap() error { return e.err }

// isDegraded reports whether every leaf of err's tree lies under a mark. That
// is stricter than errors.As, which would let one mark excuse a failure that was
// joined to it.
func isDegraded(err error) bool {
	switch e := err.(type) {
	case *degradedError:
		return true
	case interface{ Unwrap() error }:
		return isDegraded(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if !isDegraded(part) {
				return false
			}
		}
		return len(e.Unwrap()) > 0
	default:
		return false
	}
}
