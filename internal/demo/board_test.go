package demo

import (
	"fmt"
	"testing"
)

func testBoard(names ...string) *board {
	var sites []*site
	for _, name := range names {
		sites = append(sites, &site{name: name, address: name + ":80"})
	}
	return newBoard(sites)
}

func TestWatcherSeesEachChangeOnce(t *testing.T) {
	b := testBoard("a", "b")
	_, n := b.state()
	wake, end := b.watch()
	defer end()

	b.edit("", func(rows []Row) []int { rows[0].TCP = inService; return []int{0} })
	b.edit("broken", func(rows []Row) []int { rows[1].Fault = Crash; return []int{1} })
	b.edit("", func(rows []Row) []int { rows[0].Why = "nothing to tell"; return nil })
	<-wake // one for both
	select {
	case <-wake:
		t.Error("woken twice for what one look shows")
	default:
	}
	changes, n := b.since(n)
	if len(changes) != 2 || changes[0].row.TCP != inService || changes[1].what != "broken" || changes[1].row.Name != "b" {
		t.Errorf("changes are %+v", changes)
	}
	if again, _ := b.since(n); len(again) != 0 {
		t.Errorf("seen again: %+v", again)
	}
}

// A watcher that never reads holds nobody up and costs no memory without end.
func TestSlowWatcherMissesTheOldest(t *testing.T) {
	b := testBoard("a")
	_, end := b.watch()
	for i := range 10 * kept {
		b.edit(fmt.Sprint(i), func([]Row) []int { return []int{0} })
	}
	changes, n := b.since(0)
	if len(changes) != kept || n != 10*kept {
		t.Fatalf("%d changes are kept of %d, want %d", len(changes), n, kept)
	}
	if got, want := changes[kept-1].what, fmt.Sprint(10*kept-1); got != want {
		t.Errorf("the last change is %s, want %s", got, want)
	}
	end()
	if len(b.wakes) != 0 {
		t.Error("a watcher that has ended is still woken")
	}
}

func TestStateIsACopy(t *testing.T) {
	b := testBoard("a")
	rows, _ := b.state()
	rows[0].Name = "changed"
	if rows, _ := b.state(); rows[0].Name != "a" {
		t.Error("a reader changed the board")
	}
}

func TestSettledNeedsBothVerdictsOfEach(t *testing.T) {
	b := testBoard("a", "b")
	steps := []func(*Row){
		func(r *Row) { r.TCP = inService },
		func(r *Row) { r.HTTP = outOfService },
	}
	for i := range 2 {
		for _, step := range steps {
			if b.settled() {
				t.Fatal("settled with a verdict missing")
			}
			b.edit("", func(rows []Row) []int { step(&rows[i]); return nil })
		}
	}
	if !b.settled() {
		t.Error("not settled with every verdict there")
	}
}

func TestFooled(t *testing.T) {
	for _, tcp := range []string{initial, inService, outOfService} {
		for _, http := range []string{initial, inService, outOfService} {
			for _, users := range []bool{true, false} {
				for _, fault := range Faults() {
					row := Row{TCP: tcp, HTTP: http, Users: users, Fault: fault}
					lasting := fault == "errors" || fault == "hang" || fault == "database"
					if got, want := row.fooled(), tcp == "in service" && http == "out of service" && !users && lasting; got != want {
						t.Errorf("%+v: fooled is %t, want %t", row, got, want)
					}
					if got, want := row.opened(), http == "out of service" && users; got != want {
						t.Errorf("%+v: opened is %t, want %t", row, got, want)
					}
				}
			}
		}
	}
}
