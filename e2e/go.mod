module github.com/pipeseal/pipeseal/e2e

go 1.26.0

require (
	github.com/goccy/go-yaml v1.19.2
	github.com/pipeseal/pipeseal/interop v0.0.0
	github.com/rogpeppe/go-internal v1.16.0
)

require (
	golang.org/x/mod v0.21.0 // indirect
	golang.org/x/sys v0.26.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)

replace github.com/pipeseal/pipeseal/interop => ../interop
