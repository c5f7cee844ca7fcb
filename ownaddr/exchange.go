package ownaddr

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds what is read of an answer, its header included. Real ones
// have a few kilobytes.
const maxAnswer = 64 << 10

// answer is what a metadata service said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// exchange asks one question on a connection of its own and reads the answer
// whole. There is no client behind it that could use a proxy, follow a redirect,
// repeat a question or go on after it has returned. It returns when ctx ends.
func (s *surroundings) exchange(ctx context.Context, method, target string, header http.Header) (answer, error) {
	u, err := url.Parse(target)
	if err != nil {
		return answer{}, errors.New("the endpoint is no URL") // the parser's error would repeat it, password and all
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return answer{}, fmt.Errorf("the endpoint %q is no URL of the form http://host:port", u.Redacted())
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	e := &exchangeError{address: net.JoinHostPort(u.Hostname(), port)}
	began := time.Now()
	failed := func(stage stage, err error) (answer, error) {
		e.stage, e.err, e.after = stage, err, time.Since(began)
		if cause := ctx.Err(); cause != nil {
			e.err = cause
		}
		return answer{}, e
	}

	conn, err := s.dial(ctx, "tcp", e.address)
	if err != nil {
		return failed(connecting, err)
	}
	defer conn.Close()
	// A deadline in the past ends whatever the connection is doing.
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()

	request, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return answer{}, err
	}
	request.Close = true
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = make(http.Header)
	}
	request.Header.Set("User-Agent", "inservice")
	if err := request.Write(conn); err != nil {
		return failed(waiting, err)
	}
	first := bufio.NewReader(&bounded{reader: conn, left: maxAnswer})
	if _, err := first.Peek(1); err != nil {
		return failed(waiting, err)
	}
	response, err := http.ReadResponse(first, request)
	if err != nil {
		return failed(reading, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return failed(reading, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: body}, nil
}

// bounded reads until there was too much.
type bounded struct {
	reader io.Reader
	left   int
}

var errTooLong = fmt.Errorf("it is longer than %d KiB", maxAnswer>>10)

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.reader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// stage is how far an exchange got. The difference between no connection and no
// answer is half the diagnosis.
type stage int

const (
	connecting stage = iota
	waiting          // connected, for the first byte of an answer
	reading
)

// exchangeError is an exchange without an answer.
type exchangeError struct {
	address string
	stage   stage
	after   time.Duration
	err     error
}

func (e *exchangeError) Unwrap() error { return e.err }

// timeout reports whether time ran out rather than something being said.
func (e *exchangeError) timeout() bool {
	return errors.Is(e.err, context.DeadlineExceeded) || errors.Is(e.err, os.ErrDeadlineExceeded) || errors.Is(e.err, syscall.ETIMEDOUT)
}

func (e *exchangeError) Error() string {
	after := e.after.Round(time.Millisecond)
	switch {
	case errors.Is(e.err, context.Canceled):
		return fmt.Sprintf("%s was not asked to the end: the look was called off", e.address)
	case e.timeout() && e.stage == connecting:
		return fmt.Sprintf("no connection to %s within %v", e.address, after)
	case e.timeout() && e.stage == waiting:
		return fmt.Sprintf("%s accepted the connection and said nothing for %v", e.address, after)
	case e.timeout():
		return fmt.Sprintf("the answer of %s was not complete after %v", e.address, after)
	case e.stage == connecting:
		return fmt.Sprintf("no connection to %s: %s", e.address, brief(e.err))
	case e.stage == waiting:
		return fmt.Sprintf("%s ended the connection without an answer: %s", e.address, brief(e.err))
	default:
		return fmt.Sprintf("the answer of %s can't be read: %s", e.address, brief(e.err))
	}
}

// brief is an error without the addresses that package net repeats in it, and
// without more of what a stranger sent than fits a line.
func brief(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	const enough = 120
	text := err.Error()
	if len(text) > enough {
		text = strings.ToValidUTF8(text[:enough], "") + "…"
	}
	return text
}

// problem is the error of an answer that is not 200.
func (a answer) problem() error {
	if a.status == http.StatusOK {
		return nil
	}
	return &statusError{status: a.status, location: a.header.Get("Location")}
}

// statusError is an answer that is no.
type statusError struct {
	status   int
	location string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("answered %d %s", e.status, http.StatusText(e.status))
	if e.status/100 == 3 {
		return fmt.Sprintf("%s, to %s: redirects are not followed", text, excerpt(e.location))
	}
	return text
}

// advice says what to do about an error; empty if there is nothing to say.
func advice(err error) string {
	if e, ok := errors.AsType[*exchangeError](err); ok {
		switch {
		case errors.Is(err, context.Canceled):
			return ""
		case errors.Is(err, syscall.ECONNREFUSED):
			return "nothing listens there: the metadata service is switched off, kept from this process, or elsewhere"
		case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH):
			return "this machine has no route to it: look at 'ip route get " + hostOf(e.address) + "'"
		case e.timeout() && e.stage == connecting:
			return "packets to it are dropped: look for a firewall or a network policy that keeps this process from " + hostOf(e.address)
		case e.timeout():
			return "something accepts connections there and does not answer as a metadata service would"
		}
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		switch {
		case e.status/100 == 3:
			return "something else answers there in place of the metadata service, such as a proxy or a captive portal"
		case e.status == http.StatusTooManyRequests:
			return "others on this machine ask too often; it will be asked again"
		case e.status/100 == 5:
			return "the service has trouble of its own; it will be asked again"
		}
	}
	if errors.Is(err, errNoAddress) {
		return "something else answers there in place of the metadata service, or its answer has changed its form"
	}
	return ""
}

// redacted is an endpoint as it may be shown: whoever wrote a password into it
// does not find it in a log.
func redacted(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "(no URL)"
	}
	return u.Redacted()
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
