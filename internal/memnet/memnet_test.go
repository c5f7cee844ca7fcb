package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inservice/inservice/internal/memnet"
)

func TestServesHTTPInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		listener, err := network.Listen("web-1:80")
		if err != nil {
			t.Fatal(err)
		}
		peers := make(chan string, 1)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peers <- r.RemoteAddr
			time.Sleep(time.Hour)
			io.WriteString(w, "slow and steady")
		})}
		served := make(chan error)
		go func() { served <- server.Serve(listener) }()

		client := &http.Client{Transport: &http.Transport{DialContext: network.Dial, DisableKeepAlives: true}}
		began := time.Now()
		answer, err := client.Get("http://web-1/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || string(body) != "slow and steady" {
			t.Errorf("body = %q, %v", body, err)
		}
		answer.Body.Close()
		if took := time.Since(began); took != time.Hour {
			t.Errorf("the answer took %v, want 1h exactly", took)
		}
		if host, port, err := net.SplitHostPort(<-peers); err != nil || net.ParseIP(host) == nil || port == "" {
			t.Errorf("the server saw the peer %s:%s, %v; want an address and a port", host, port, err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve = %v", err)
		}
	})
}

func TestDialUnknownAddressIsRefused(t *testing.T) {
	var network memnet.Network
	if _, err := network.Dial(t.Context(), "tcp", "nowhere:80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial = %v, want ECONNREFUSED", err)
	}
}

func TestListenSameAddressTwice(t *testing.T) {
	var network memnet.Network
	first, err := network.Listen("web-1:80")
	if err != nil {
		t.Fatal(err)
	}
	if got := first.Addr().String(); got != "web-1:80" {
		t.Errorf("Addr = %q, want web-1:80", got)
	}
	if _, err := network.Listen("web-1:80"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second Listen = %v, want EADDRINUSE", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close = %v, want net.ErrClosed", err)
	}
	again, err := network.Listen("web-1:80")
	if err != nil {
		t.Fatalf("Listen after Close: %v", err)
	}
	again.Close()
}

func TestListenWithoutPort(t *testing.T) {
	var network memnet.Network
	if _, err := network.Listen("web-1"); err == nil {
		t.Error("Listen accepted an address without a port")
	}
}

func TestCloseUnblocksAcceptAndDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		// Two listeners: on one Accept waits, on the other Dial does.
		accepting, _ := network.Listen("web-1:80")
		silent, _ := network.Listen("web-2:80")
		accepted, dialled := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := accepting.Accept()
			accepted <- err
		}()
		go func() {
			_, err := network.Dial(t.Context(), "tcp", "web-2:80")
			dialled <- err
		}()
		synctest.Wait()
		if len(accepted) != 0 || len(dialled) != 0 {
			t.Fatal("Accept or Dial returned before Close")
		}
		accepting.Close()
		silent.Close()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want net.ErrClosed", err)
		}
		if err := <-dialled; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Dial = %v, want ECONNREFUSED", err)
		}
	})
}

func TestAcceptAfterCloseTakesNobody(t *testing.T) {
	var network memnet.Network
	listener, _ := network.Listen("web-1:80")
	listener.Close()
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, want net.ErrClosed", err)
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		listener, _ := network.Listen("silent:80")
		defer listener.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err := network.Dial(ctx, "tcp", "silent:80")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("Dial = %v after %v, want the deadline after 3s", err, time.Since(began))
		}
		if _, err := network.Dial(ctx, "tcp", "silent:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial with an ended context = %v", err)
		}
	})
}

func TestConnectionKnowsBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		listener, _ := network.Listen("[2001:db8::1]:80")
		defer listener.Close()
		accepted := make(chan net.Conn, 1)
		go func() {
			c, err := listener.Accept()
			if err != nil {
				t.Error(err)
			}
			accepted <- c
		}()
		ours, err := network.Dial(t.Context(), "tcp", "[2001:db8::1]:80")
		if err != nil {
			t.Fatal(err)
		}
		theirs := <-accepted
		if ours.LocalAddr() != theirs.RemoteAddr() || ours.RemoteAddr() != theirs.LocalAddr() {
			t.Errorf("ends disagree: %v→%v and %v→%v", ours.LocalAddr(), ours.RemoteAddr(), theirs.RemoteAddr(), theirs.LocalAddr())
		}
		if got := ours.RemoteAddr().String(); got != "[2001:db8::1]:80" {
			t.Errorf("RemoteAddr = %s", got)
		}
		go theirs.Close()
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("Read after the other end closed = %v, want EOF", err)
		}
		ours.Close()
	})
}
