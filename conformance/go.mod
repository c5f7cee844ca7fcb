module github.com/inservice/inservice/conformance

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/inservice/inservice v0.0.0
	github.com/inservice/inservice/conformance/probers/frame v0.0.0
)

require (
	github.com/pires/go-proxyproto v0.8.1 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/inservice/inservice => ../
	github.com/inservice/inservice/conformance/probers/frame => ./probers/frame
)
