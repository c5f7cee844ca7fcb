module github.com/inservice/inservice/conformance/probers/frame

go 1.26.0
