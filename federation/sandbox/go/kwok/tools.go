//go:build tools

// Package tools names the program that the sandbox builds, so that go.sum covers all it needs.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
