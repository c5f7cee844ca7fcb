package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutputWritesEverythingInOrder(t *testing.T) {
	var got bytes.Buffer
	o := startOutput(&got)
	var want strings.Builder
	for i := range 500 {
		fmt.Fprintf(o, "line %d\n", i)
		fmt.Fprintf(&want, "line %d\n", i)
	}
	o.close()
	if got.String() != want.String() {
		t.Errorf("got %d bytes, want %d: the lines as they were written", got.Len(), want.Len())
	}
	if _, err := io.WriteString(o, "late\n"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("writing after close gave %v", err)
	}
	o.close() // again does nothing
}

// A reader that has stopped holds nobody up: not who writes, and not the end.
func TestOutputNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		o := startOutput(writer)
		for i := range 3 * queued {
			if _, err := fmt.Fprintf(o, "line %d\n", i); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		o.close()
		if waited := time.Since(begun); waited != flushTime {
			t.Errorf("close waited %v, want %v", waited, flushTime)
		}
		// The reader comes back: what was queued is there, and the bubble can end.
		all, err := io.ReadAll(io.LimitReader(reader, int64(len("line 0\n"))))
		if err != nil || string(all) != "line 0\n" {
			t.Errorf("read %q, %v", all, err)
		}
		reader.Close()
		<-o.done
	})
}

func TestOutputTellsWhatWasDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		o := startOutput(writer)
		fmt.Fprint(o, "held\n")
		synctest.Wait() // the writer has taken it and waits for the reader
		for range queued + 7 {
			fmt.Fprint(o, "x\n")
		}
		got := make(chan string)
		go func() {
			all, _ := io.ReadAll(reader)
			got <- string(all)
		}()
		synctest.Wait()
		fmt.Fprint(o, "last\n")
		o.close()
		writer.Close()
		if all := <-got; !strings.HasSuffix(all, "... 7 lines were dropped: nobody read them\nlast\n") {
			t.Errorf("the output ends with %q", all[max(0, len(all)-80):])
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestOutputReportsThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := startOutput(brokenWriter{})
		fmt.Fprint(o, "lost\n")
		synctest.Wait()
		if _, err := fmt.Fprint(o, "next\n"); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("the next write gave %v, want what the first one met", err)
		}
		o.close()
	})
}
