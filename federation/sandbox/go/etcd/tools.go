//go:build tools

// Package tools names the program that the sandbox builds, so that go.sum covers all it needs.
package tools

import _ "go.etcd.io/etcd/server/v3"
