package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/inservice/inservice/internal/inspect"
)

// listenFlags is what `inservice listen` was told.
type listenFlags struct {
	answer   string
	status   int
	redirect string
	close    bool
	hang     bool
	after    time.Duration
	drip     time.Duration

	tlsOnly, noTLS    bool
	once, json, plain bool
	har, record       string
}

func (p *program) listenCommand() *cobra.Command {
	var flags listenFlags
	c := &cobra.Command{
		Use:   "listen [ADDR...]",
		Short: "Show exactly what a load balancer sends, and who it is",
		Long: `Listens, shows every arrival byte for byte, says who it probably is, how often it
asks, and which rules of common servers would refuse it, with the value to allow.

An ADDR is a port, or host:port; without one it is ` + inspect.DefaultAddress + `, and :0 takes a free
port. On every ADDR it takes HTTP/1, HTTP/2 (also by prior knowledge), gRPC,
TLS (with a throw-away certificate for the name that was asked for), a PROXY
protocol header in front, connections on which nothing is said, and garbage.

Point the health check's port here, not the traffic's. Everybody is answered 200
"ok", so that a balancer goes green while you watch (and may send visitors to the
app: --status 503 keeps them away), or what you say. A sequence is counted for each
sender by itself:

  --answer 200x5,500x2    five times 200, twice 500, and again
  --answer 500x3,200      three times 500, then 200 for good
  --answer 200x3,close,hang

A gRPC health question is answered SERVING for a status below 400, NOT_SERVING
for others; any other method is UNIMPLEMENTED, which passes at an Application
Load Balancer. With --hang you see how long the balancer waits: its time-out.

On a terminal there is one line for each sender; Enter shows its last request, and
q or Ctrl-C ends it. "?" stands before a sender that can't be told apart from others.
What is shown and written to files holds all that was sent, secrets included.`,
		Example: `  inservice listen
  inservice listen 8080 127.0.0.1:8443 --status 503
  inservice listen :80 --answer 200x5,500x2 --record probes.jsonl`,
		RunE: func(c *cobra.Command, args []string) error {
			options, err := flags.options(c, args)
			if err != nil {
				return err
			}
			return p.listen(c.Context(), options, flags)
		},
	}
	f := c.Flags()
	f.StringVar(&flags.answer, "answer", "", "answer this `SEQUENCE` of statuses, close and hang")
	f.IntVar(&flags.status, "status", 200, "answer this `STATUS`")
	f.StringVar(&flags.redirect, "redirect", "", "answer a redirect to this `URL` (302, or what --status says)")
	f.BoolVar(&flags.close, "close", false, "close the connection without an answer")
	f.BoolVar(&flags.hang, "hang", false, "say nothing until the other side gives up")
	f.DurationVar(&flags.after, "after", 0, "answer after this `DURATION`")
	f.DurationVar(&flags.drip, "drip", 0, "answer byte by byte, with this `DURATION` (100ms if none is given) between two")
	f.Lookup("drip").NoOptDefVal = "100ms"
	f.BoolVar(&flags.tlsOnly, "tls-only", false, "answer nothing but TLS")
	f.BoolVar(&flags.noTLS, "no-tls", false, "show a TLS hello as the bytes it is, and don't answer it")
	f.BoolVar(&flags.once, "once", false, "end after the first arrival")
	f.BoolVar(&flags.json, "json", false, "print one JSON object for each arrival (docs/listen.md)")
	f.BoolVar(&flags.plain, "plain", false, "print one arrival after another even on a terminal")
	f.StringVar(&flags.har, "har", "", "write HTTP arrivals to `FILE` as an HTTP Archive; one that is there is replaced")
	f.StringVar(&flags.record, "record", "", "append every arrival to `FILE`, for 'inservice probe --replay FILE'")
	return c
}

// options makes of the command line what package inspect takes, or refuses it.
func (l *listenFlags) options(c *cobra.Command, args []string) (inspect.Options, error) {
	var o inspect.Options
	usage := func(format string, args ...any) (inspect.Options, error) {
		return o, &usageError{err: fmt.Errorf(format, args...), hint: c.CommandPath() + " --help"}
	}
	for _, arg := range args {
		address, err := listenAddress(arg)
		if err != nil {
			return o, err
		}
		o.Addresses = append(o.Addresses, address)
	}
	if l.tlsOnly && l.noTLS {
		return usage("--tls-only and --no-tls contradict each other")
	}
	script, err := l.script(c)
	if err != nil {
		return usage("%w", err)
	}
	o.Script = script
	if l.tlsOnly {
		o.TLS = inspect.TLSOnly
	}
	if l.noTLS {
		o.TLS = inspect.TLSNever
	}
	o.Once = l.once
	o.Own = interfaceAddresses()
	return o, nil
}

// script makes of the command line what is answered.
func (l *listenFlags) script(c *cobra.Command) (inspect.Script, error) {
	var said []string
	for _, name := range []string{"answer", "close", "hang"} {
		if c.Flags().Changed(name) {
			said = append(said, "--"+name)
		}
	}
	switch {
	case c.Flags().Changed("status"):
		said = append(said, "--status")
	case l.redirect != "" && l.answer == "": // else the answer's statuses from 300 to 399 go there
		said = append(said, "--redirect")
	}
	switch {
	case len(said) > 1:
		return nil, fmt.Errorf("%s and %s say different things about the answer; choose one", said[0], said[1])
	case l.hang && l.drip > 0 || l.close && l.drip > 0:
		return nil, errors.New("--drip says how to answer, and there is to be no answer")
	case l.hang && l.after > 0:
		return nil, errors.New("--after says when to answer, and there is to be no answer")
	}
	base := inspect.Answer{Redirect: l.redirect, After: l.after, Drip: l.drip}
	switch {
	case l.close:
		base.Way = inspect.Close
	case l.hang:
		base.Way = inspect.Hang
	case c.Flags().Changed("status"):
		if l.status == 0 { // to an Answer, 0 is no mistake
			return nil, errors.New("status 0 can't be answered; use 200 to 599")
		}
		base.Status = l.status
	}
	if l.answer != "" {
		script, err := inspect.ParseScript(l.answer, base)
		if err != nil {
			return nil, fmt.Errorf("--answer: %w", err)
		}
		return script, nil
	}
	script := inspect.Script{{Answer: base}}
	return script, script.Check()
}

// listenAddress takes a port by itself for that port of every address.
func listenAddress(arg string) (string, error) {
	address := arg
	if n, err := strconv.Atoi(arg); err == nil && n >= 0 {
		address = ":" + arg
	}
	if address == "" {
		address = "?" // checkListen passes over an empty one
	}
	return address, checkListen("listen", address)
}

// interfaceAddresses reports of an address whether an interface of this machine has it.
func interfaceAddresses() func(netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	own := map[netip.Addr]bool{}
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own[prefix.Addr().Unmap().WithZone("")] = true
		}
	}
	return func(addr netip.Addr) bool { return own[addr] }
}

// listen opens, serves and shows until ctx ends.
func (p *program) listen(ctx context.Context, o inspect.Options, flags listenFlags) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	files, err := openListenFiles(flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.close()) }()

	out := startOutput(p.stdout) // a paused terminal must not hold up the answers
	defer out.close()
	color := paints(p.stdout)
	var view interface {
		arrival(inspect.Arrival)
		outcome(inspect.Outcome)
	}
	var screen *listenScreen
	switch {
	case flags.json:
		view = &listenJSON{out: out, failed: stop}
	case !flags.plain && !flags.once && color:
		screen = &listenScreen{changed: make(chan struct{}, 1)}
		view = screen
	default:
		view = &listenText{out: out, identity: identity{color: color}, failed: stop}
	}
	o.OnArrival = func(a inspect.Arrival) {
		files.add(a, stop)
		view.arrival(a)
	}
	o.OnOutcome = view.outcome
	server, err := inspect.Open(o)
	if err != nil {
		return listenBindHint(err, p.command)
	}
	where := strings.Join(server.Addresses(), " ")
	if screen == nil {
		fmt.Fprintf(p.stderr, "listening on %s, answering %s\n", where, answersWords(o.Script))
		return server.Run(ctx)
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		defer stop()
		screen.run(ctx, p.stdout, server, where+"  answering "+answersWords(o.Script))
	})
	err = server.Run(ctx)
	stop()
	return err
}

// answersWords tells a script in a few words.
func answersWords(s inspect.Script) string {
	var words []string
	for _, step := range s {
		word := step.Answer.String()
		if step.Times > 0 {
			word += " ×" + strconv.Itoa(step.Times)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// listenBindHint says what to do about an address that can't be had.
func listenBindHint(err error, command string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &hintError{err: err, hint: fmt.Sprintf("see who has it with 'ss -ltnp'; '%s listen :0' takes a free port", command)}
	case errors.Is(err, syscall.EACCES):
		return &hintError{err: err, hint: fmt.Sprintf("ports below 1024 need a privilege: run it by sudo, or listen on another port, as '%s listen' does", command)}
	}
	return listenHint(err, "another ADDR")
}

// listenFiles are the files that arrivals are written to.
type listenFiles struct {
	har        *inspect.HAR
	harFile    *os.File
	recordFile *os.File
	recorded   int64 // bytes in recordFile

	mu  sync.Mutex // guards err: the first failure
	err error
}

// maxRecorded bounds a --record file: strangers decide how much there is to write.
const maxRecorded = 256 << 20

func openListenFiles(flags listenFlags) (*listenFiles, error) {
	var f listenFiles
	var err error
	if flags.har != "" {
		if f.harFile, err = os.OpenFile(flags.har, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			return nil, fmt.Errorf("--har: %w", err)
		}
		if f.har, err = inspect.NewHAR(f.harFile, version()); err != nil {
			return nil, errors.Join(fmt.Errorf("--har: %w", err), f.close())
		}
	}
	if flags.record != "" {
		if f.recordFile, err = os.OpenFile(flags.record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("--record: %w", err), f.close())
		}
		if info, err := f.recordFile.Stat(); err == nil {
			f.recorded = info.Size() // what an earlier run has written counts too
		}
	}
	if f.harFile != nil && f.recordFile != nil && sameFile(f.harFile, f.recordFile) {
		return nil, errors.Join(fmt.Errorf("--har and --record write different things to %s; name two files", flags.record), f.close())
	}
	return &f, nil
}

func sameFile(a, b *os.File) bool {
	one, err := a.Stat()
	other, err2 := b.Stat()
	return err == nil && err2 == nil && one.Mode().IsRegular() && os.SameFile(one, other)
}

// add writes a. A failure ends the command: a file with gaps is worse than none.
func (f *listenFiles) add(a inspect.Arrival, stop func()) {
	err := f.write(a)
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		stop()
	}
}

func (f *listenFiles) write(a inspect.Arrival) error {
	if f.har != nil {
		if err := f.har.Add(a); err != nil {
			return fmt.Errorf("--har %s: %w", f.harFile.Name(), err)
		}
	}
	if f.recordFile == nil {
		return nil
	}
	line, err := inspect.MarshalLine(a.Recording())
	if err != nil {
		return err
	}
	if f.recorded += int64(len(line)); f.recorded > maxRecorded {
		return fmt.Errorf("--record %s: %w", f.recordFile.Name(), inspect.ErrFull)
	}
	if _, err := f.recordFile.Write(line); err != nil {
		return fmt.Errorf("--record: %w", err)
	}
	return nil
}

// close closes the files and returns the first failure.
func (f *listenFiles) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.err
	for _, file := range []*os.File{f.harFile, f.recordFile} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}
