// Package proof holds no code, only tests: they run the program that users get,
// in front of a real Django site, and send it what a load balancer and visitors
// send, byte for byte.
//
// What they see is what docs/django.md shows: each of its outputs is compared
// with that of the run, and "go test ./internal/proof -update-docs" writes them
// anew. Ports, addresses and times of the run are replaced by those of the page.
package proof
