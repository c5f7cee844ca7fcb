// Package ownaddr finds out by which addresses this machine is called: those of
// its interfaces, and those that only its surroundings know, such as the public
// address that a cloud maps to it.
//
// A server that must allow its own addresses does not write them down:
//
//	var own ownaddr.Finder
//	go own.Run(ctx)
//	… own.Addrs() // at any time, from any goroutine
//
// # What it guarantees
//
// It never delays anybody. [Finder.Addrs] reads what is known; looking happens
// in the background, all sources at once, and is over after [Finder.Timeout]
// whatever the network does. It never fails a start: the addresses of the
// interfaces are there at once, and a source that fails is words in a [Report].
//
// It asks nobody without a reason. Firmware names the cloud (DMI, which Linux
// shows in /sys/class/dmi/id) and environment variables name the container
// platform. A metadata service that neither of them speaks of is not asked, so
// a machine without one loses no time and sends no packet. What the reason was,
// or that there was none, is in the report: "not tried" is not "found nothing".
//
// It does not believe everything. Questions go straight to the service, never
// through a proxy of the environment, redirects are not followed, an answer is
// read up to 64 KiB, and an answer that can't be the address of a machine
// (HTML, 0.0.0.0, a multicast or loopback address) is refused.
//
// What was found last is kept while a source fails, for up to an hour: an
// outage of a metadata service changes nobody's address.
//
// # The sources
//
// [Interfaces] is the ground floor and is always read: the addresses of the
// interfaces that are up. Loopback addresses are left out because every machine
// has them, so they call none in particular; link-local ones because they mean
// something on one cable only. Both are named in the report.
//
// [Kubernetes] reads environment variables that the pod's spec fills from the
// downward API: POD_IP and POD_IPS, HOST_IP and HOST_IPS, each also with the
// MY_ in front that the Kubernetes documentation uses, and NODE_IP.
//
// [ECS] asks where ECS_CONTAINER_METADATA_URI_V4 (or, before it,
// ECS_CONTAINER_METADATA_URI) points.
//
// [EC2] asks the instance metadata service, version 2. Version 1 is asked only
// if [Finder.AllowIMDSv1] says so. AWS_EC2_METADATA_DISABLED,
// AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE and
// AWS_EC2_METADATA_V1_DISABLED mean what they mean to Amazon's own libraries.
//
// [Google] asks the Compute Engine metadata server, or the one that
// GCE_METADATA_HOST names. [Azure] asks the instance metadata service.
//
// An endpoint in the environment is a reason to ask it. On a system whose
// firmware can't be read (no Linux, a sandbox that hides /sys), such a variable
// or [Finder.Sources] is how to have a cloud asked.
//
// # Concurrency
//
// Set the fields of a [Finder] before its first use. All its methods may be
// called from any goroutine. Whoever calls Find or Run waits for every goroutine
// that it starts.
//
// The package imports the standard library only.
package ownaddr
