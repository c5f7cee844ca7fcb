package ownaddr_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/inservice/inservice/ownaddr"
)

// A pod whose spec fills two variables from the downward API.
func ExampleFinder_Find() {
	os.Setenv("POD_IP", "10.244.1.7")
	os.Setenv("HOST_IP", "192.168.1.9")
	defer os.Unsetenv("POD_IP")
	defer os.Unsetenv("HOST_IP")

	own := ownaddr.Finder{Sources: []ownaddr.Source{ownaddr.Kubernetes}}
	for _, a := range own.Find(context.Background()).Addresses {
		fmt.Println(a.Addr, a.Kind, a.Name)
	}
	// Output:
	// 10.244.1.7 private POD_IP
	// 192.168.1.9 host HOST_IP
}

// A server keeps its addresses up to date in the background and logs changes.
func ExampleFinder_Run() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	own := ownaddr.Finder{
		Sources: []ownaddr.Source{ownaddr.Interfaces}, // the example asks no cloud
		OnChange: func(r ownaddr.Report) {
			fmt.Println("known after the first look:", len(r.Attempts) > 0)
			stop() // a server would go on
		},
	}
	if err := own.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: known after the first look: true
}
