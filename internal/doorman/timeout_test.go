package doorman_test

import (
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/doorman"
)

// TestSlowHead cuts off whoever takes his time with a head, the first or a later
// one, however often a byte comes.
func TestSlowHead(t *testing.T) {
	for _, tt := range []struct{ set, want time.Duration }{{0, doorman.DefaultHeaderTimeout}, {3 * time.Second, 3 * time.Second}} {
		for name, early := range map[string]string{"first": "", "second": bareGet} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := stand(t, &doorman.Doorman{HeaderTimeout: tt.set})
					c := p.dial(t)
					got := record(c)
					if early != "" {
						io.WriteString(c, early)
						time.Sleep(20 * time.Second) // as late as it likes: nothing is begun
					}
					begun := time.Now()
					var writing sync.WaitGroup
					defer writing.Wait()
					writing.Go(func() {
						for i := range len(bareGet) {
							if _, err := io.WriteString(c, bareGet[i:i+1]); err != nil {
								return
							}
							time.Sleep(tt.want / 10)
						}
					})
					if err := <-got.over; err != nil {
						t.Error(err)
					}
					if took := time.Since(begun); took != tt.want {
						t.Errorf("a head was waited for %v, want %v", took, tt.want)
					}
					if n := len(p.questions()); n != min(len(early), 1) {
						t.Errorf("%d questions", n)
					}
				})
			})
		}
	}
}

func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		begun := time.Now()
		<-record(p.dial(t)).over
		if took := time.Since(begun); took != doorman.DefaultHeaderTimeout {
			t.Errorf("silence was borne for %v", took)
		}
	})
}

// TestIdle asks for a while and then no more. Each question begins the time anew.
func TestIdle(t *testing.T) {
	for _, tt := range []struct{ set, want time.Duration }{{0, doorman.DefaultIdleTimeout}, {16 * time.Second, 16 * time.Second}, {4 * time.Second, 4 * time.Second}} { // the last is less than a head's
		synctest.Test(t, func(t *testing.T) {
			p := stand(t, &doorman.Doorman{IdleTimeout: tt.set})
			c := p.dial(t)
			got := record(c)
			for range 20 { // often enough that the deadline is not set for each
				if _, err := io.WriteString(c, bareGet); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.want / 80)
			}
			time.Sleep(tt.want / 2)
			if _, err := io.WriteString(c, bareGet); err != nil {
				t.Fatal(err)
			}
			last := time.Now()
			<-got.over
			if took := time.Since(last); took > tt.want || took < tt.want-time.Second {
				t.Errorf("kept for %v without a question, want %v, a second less at most", took, tt.want)
			}
		})
	}
}

// TestSlowReader never reads the answers.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{HeaderTimeout: 2500 * time.Millisecond})
		c := p.dial(t)
		begun := time.Now()
		io.WriteString(c, bareGet)
		for p.Held() > 0 {
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took != 3*time.Second { // the look after the timeout
			t.Errorf("a reader was waited for %v", took)
		}
	})
}

// TestNoDeadlineIsLeft hands over a connection that uses it an hour later.
func TestNoDeadlineIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stand(t, &doorman.Doorman{})
		c := p.dial(t)
		answers := record(c)
		io.WriteString(c, bareGet)
		synctest.Wait()
		io.WriteString(c, others)
		handed := <-p.accepted
		got := record(handed)
		time.Sleep(time.Hour)
		if _, err := io.WriteString(c, "more"); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(handed, "back"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got.String() != others+"more" || answers.String() != full("", "ok")+"back" {
			t.Errorf("behind the door: %q, before it: %q", got, answers)
		}
	})
}
