//go:build unix

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/inservice/inservice/internal/config"
)

// TestLoadStopsAtTheLimit: of a file without end, such as a device, no more is read than
// it takes to refuse it.
func TestLoadStopsAtTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		for i := 0; i < 128 && err == nil; i++ {
			_, err = f.Write(make([]byte, 1<<16))
		}
		f.Close()
		written <- err
	}()
	const want = ": larger than 1 MiB; is it the right file?"
	if _, err := config.Load(path, testOptions); err == nil || err.Error() != path+want {
		t.Errorf("Load = %v, want %s", err, path+want)
	}
	if err := <-written; !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing 8 MiB ended with %v, want a broken pipe", err)
	}
}
