package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/inservice/inservice/internal/inspect"
)

// listenScreen shows one line for each sender, in place, and on demand all about
// one of them.
type listenScreen struct {
	changed chan struct{} // holds one element when there is news

	// What follows belongs to run.
	chosen int  // index of the sender that the cursor is on
	detail bool // all about it is shown
	scroll int  // first line of that
}

func (v *listenScreen) arrival(inspect.Arrival) { v.news() }
func (v *listenScreen) outcome(inspect.Outcome) { v.news() }

func (v *listenScreen) news() {
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// Controls of a terminal.
const (
	otherScreen = "\x1b[?1049h\x1b[?25l" // a screen of its own, without a cursor
	firstScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	restOfLine  = "\x1b[K"
	restOfPage  = "\x1b[J"
	reverse     = "7"
)

// run draws until ctx ends or somebody quits. It leaves the terminal as it was,
// with the list on it.
func (v *listenScreen) run(ctx context.Context, w io.Writer, server *inspect.Server, head string) {
	out := startOutput(w)
	defer out.close()
	ctx, stop := context.WithCancel(ctx)
	keys, release := startKeys(ctx)
	defer release()
	defer stop()
	_, _ = io.WriteString(out, otherScreen)
	frame := page{head: head, color: true}
	defer func() {
		_, _ = io.WriteString(out, firstScreen)
		v.detail = false
		frame.height = 0
		_, _ = io.WriteString(out, strings.Join(v.draw(server.Senders(), server.Stats(), frame, time.Now()), "\r\n")+"\r\n")
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	for {
		frame.width, frame.height = terminalSize()
		senders := server.Senders()
		text := home + strings.Join(v.draw(senders, server.Stats(), frame, time.Now()), restOfLine+"\r\n") + restOfLine + restOfPage
		if text != last {
			if _, err := io.WriteString(out, text); err != nil {
				return
			}
			last = text
		}
		select {
		case <-ctx.Done():
			return
		case key := <-keys:
			if v.press(key, senders, frame) {
				return
			}
		case <-tick.C:
		case <-v.changed:
			wait := time.NewTimer(50 * time.Millisecond) // a flood is not drawn one by one
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
			}
		}
	}
}

func terminalSize() (width, height int) {
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width < 20 || height < 5 {
		return 80, 24
	}
	return width, height
}

// press does what a key asks for, and reports whether that is to quit.
func (v *listenScreen) press(key string, senders []inspect.Sender, frame page) (quit bool) {
	step := 0
	switch key {
	case "\x03", "\x04":
		return true
	case "q", "\x1b":
		if !v.detail {
			return key == "q"
		}
		v.detail = false
	case "\r", "\n":
		v.detail, v.scroll = !v.detail && len(senders) > 0, 0
	case "j", "\x1b[B", "\x1bOB":
		step = 1
	case "k", "\x1b[A", "\x1bOA":
		step = -1
	case " ", "\x1b[6~":
		step = max(frame.height-4, 1)
	case "b", "\x1b[5~":
		step = -max(frame.height-4, 1)
	case "g", "\x1b[H":
		step = -1 << 20
	case "G", "\x1b[F":
		step = 1 << 20
	}
	if v.detail {
		v.scroll += step
	} else {
		v.chosen += step
	}
	v.chosen = min(max(v.chosen, 0), max(len(senders)-1, 0))
	return false
}

// page is what is drawn on.
type page struct {
	width, height int // 0: any
	color         bool
	head          string // nothing in it was chosen by a stranger
}

// draw returns the lines of the screen. It is pure but for the bounds of what is
// scrolled.
func (v *listenScreen) draw(senders []inspect.Sender, stats inspect.Stats, p page, now time.Time) []string {
	if v.detail && v.chosen < len(senders) {
		return v.drawDetail(&senders[v.chosen], p)
	}
	id := identity{color: p.color}
	width := p.width
	if width == 0 {
		width = 120
	}
	lines := []string{id.paint(bold, cut("inservice listen", width)) + cutRunes("  "+p.head, max(width-16, 0)), ""}
	rows := table(senders, width, now)
	visibleRows := rows
	first := 0
	if p.height > 0 {
		room := max(p.height-5, 1)
		first = min(max(v.chosen-room+1, 0), max(len(senders)-room, 0))
		visibleRows = rows[:1]
		if len(senders) > 0 {
			visibleRows = append(visibleRows, rows[1+first:min(1+first+room, len(rows))]...)
		}
	}
	for i, row := range visibleRows {
		switch {
		case i == 0:
			row = id.paint(dim, row)
		case p.height > 0 && first+i-1 == v.chosen:
			row = id.paint(reverse, fmt.Sprintf("%-*s", width, row))
		}
		lines = append(lines, row)
	}
	if len(senders) == 0 {
		lines = append(lines, "nobody yet")
	}
	foot := counts(stats)
	if p.height > 0 { // the end is what is cut
		foot = "enter: all about one   q: quit   " + foot
	}
	if shownRows := len(visibleRows) - 1; shownRows < len(senders) {
		foot = fmt.Sprintf("%d to %d of %d   ", first+1, first+shownRows, len(senders)) + foot
	}
	return append(lines, "", id.paint(dim, cut(foot, width)))
}

// counts tells what happened on the connections.
func counts(stats inspect.Stats) string {
	s := fmt.Sprintf("%d arrivals, %d connections, %d open", stats.Arrivals, stats.Connections, stats.Open)
	if stats.TurnedAway > 0 {
		s += fmt.Sprintf(", %d turned away", stats.TurnedAway)
	}
	if stats.Forgotten > 0 {
		s += fmt.Sprintf(", %d senders forgotten", stats.Forgotten)
	}
	return s
}

// table returns a head and a row for each sender, of at most width cells.
func table(senders []inspect.Sender, width int, now time.Time) []string {
	narrow := width < 100
	cells := [][]string{{"WHO", "FROM", "TO", "ASKS", "EVERY", "TIMES", "LAST", "ANSWER"}}
	for i := range senders {
		cells = append(cells, row(&senders[i], now))
	}
	const asks, every = 3, 4
	widths := make([]int, len(cells[0]))
	bounds := []int{26, 39, 6, 200, 16, 9, 8, 24}
	if narrow {
		bounds = []int{18, 15, 0, 200, 11, 6, 4, 10} // the port is among the details
	}
	for _, line := range cells {
		for i, cell := range line {
			if i == every && len([]rune(cell)) > bounds[i] {
				line[i], _, _ = strings.Cut(cell, " ±") // a jitter cut short would be another
			}
			widths[i] = min(max(widths[i], len([]rune(line[i]))), bounds[i])
		}
	}
	rest := width
	for i, w := range widths {
		if i != asks && w > 0 {
			rest -= w + 2
		}
	}
	widths[asks] = min(widths[asks], max(rest, 8))
	rows := make([]string, len(cells))
	for n, line := range cells {
		var b strings.Builder
		for i, cell := range line {
			if widths[i] == 0 {
				continue
			}
			if i > 0 {
				b.WriteString("  ")
			}
			fmt.Fprintf(&b, "%-*s", widths[i], cutRunes(cell, widths[i]))
		}
		rows[n] = cutRunes(strings.TrimRight(b.String(), " "), width)
	}
	return rows
}

func cutRunes(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		if limit <= 2 {
			return string(r[:max(limit, 0)])
		}
		return string(r[:limit-2]) + ".."
	}
	return s
}

// row tells one sender in cells.
func row(s *inspect.Sender, now time.Time) []string {
	name := "?"
	switch {
	case s.Name != "":
		name = s.Name + " " + s.Latest.Guess.Confidence.String()
	case len(s.Latest.Guess.Among) == 0:
	case s.Latest.Kind != inspect.Connect && s.Latest.Kind != inspect.Handshake:
		name = "? " + strings.Join(s.Latest.Guess.Among, " or ")
	case s.Latest.TLS != nil:
		name = "? a TLS check"
	default:
		name = "? a TCP check"
	}
	if s.Nodes > 1 {
		name += fmt.Sprintf(" /%d", s.Nodes)
	}
	pace := ""
	if s.Pace.Interval > 0 {
		pace = brief(s.Pace.Interval) + " ±" + rough(s.Pace.Jitter)
	}
	answer := s.Latest.Answer.String()
	switch {
	case s.Latest.Kind == inspect.Connect, s.Latest.Kind == inspect.Handshake, s.Latest.Kind == inspect.Other:
		answer = "-"
	case s.Last == inspect.GaveUp:
		answer = "gave up " + brief(s.GaveUp)
	}
	asks := shown(s.Asks, 0)
	if s.Front != "" && s.Front != "TLS" || s.Front == "TLS" && s.Latest.Kind != inspect.Handshake {
		asks += " (" + s.Front + ")"
	}
	return []string{name, s.Peer.String(), to(s.Listener), asks, pace, fmt.Sprint(s.Count), since(now.Sub(s.Latest.Time)), answer}
}

// to is a listener's port: the host of most is all of them.
func to(listener string) string {
	if i := strings.LastIndexByte(listener, ':'); i >= 0 {
		return listener[i:]
	}
	return listener
}

// since tells how long ago something was, in whole seconds or more.
func since(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh", int(d.Hours()))
}

// drawDetail tells all about one sender.
func (v *listenScreen) drawDetail(s *inspect.Sender, p page) []string {
	id := identity{color: p.color}
	title := fmt.Sprintf("#%d  %s  %s > %s", s.Latest.Number, s.Latest.Time.Format("15:04:05.000"), peerWords(s.Latest.Peer), s.Listener)
	all := details(&s.Latest, p.width)
	if s.GaveUp > 0 {
		all = append(all, "It gave up after "+brief(s.GaveUp)+".")
	}
	room := max(p.height-4, 1)
	v.scroll = min(max(v.scroll, 0), max(len(all)-room, 0))
	shownLines := all[v.scroll:min(v.scroll+room, len(all))]
	lines := append([]string{id.paint(bold, cut(title, p.width)), ""}, shownLines...)
	foot := fmt.Sprintf("lines %d to %d of %d   up, down: scroll   q, enter: back", v.scroll+1, v.scroll+len(shownLines), len(all))
	return append(lines, "", id.paint(dim, cut(foot, p.width)))
}

// startKeys reads the terminal's keys, each by itself and unseen, until ctx ends.
// Without a terminal to read from there are no keys. Release gives the terminal
// back.
func startKeys(ctx context.Context) (keys <-chan string, release func()) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, func() {}
	}
	restore, err := rawMode(tty)
	if err != nil {
		_ = tty.Close()
		return nil, func() {}
	}
	pressed := make(chan string)
	var reading sync.WaitGroup
	reading.Go(func() {
		buffer := make([]byte, 32)
		for {
			n, err := tty.Read(buffer)
			if err != nil {
				return
			}
			for _, key := range splitKeys(string(buffer[:n])) {
				select {
				case pressed <- key:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return pressed, func() {
		restore()
		if tty.SetReadDeadline(time.Now()) == nil { // else it can't be woken, and ends with the process
			reading.Wait()
		}
		_ = tty.Close()
	}
}

// splitKeys takes apart what several keys sent: each is a character, or an escape
// sequence.
func splitKeys(s string) []string {
	var keys []string
	for s != "" {
		n := 1
		if len(s) > 2 && s[0] == '\x1b' && (s[1] == '[' || s[1] == 'O') {
			for n = 2; n < len(s)-1 && (s[n] < '@' || s[n] > '~'); n++ {
			}
			n++
		}
		keys = append(keys, s[:n])
		s = s[n:]
	}
	return keys
}

// rawMode lets keys through one by one. It does not use tty.Fd, which would make
// reading uninterruptible.
func rawMode(tty *os.File) (restore func(), err error) {
	raw, err := tty.SyscallConn()
	if err != nil {
		return nil, err
	}
	var state *term.State
	if err2 := raw.Control(func(fd uintptr) { state, err = term.MakeRaw(int(fd)) }); err2 != nil {
		return nil, err2
	}
	if err != nil {
		return nil, err
	}
	return func() {
		_ = raw.Control(func(fd uintptr) { _ = term.Restore(int(fd), state) })
	}, nil
}
