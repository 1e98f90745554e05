//go:build !amd64 || noasm

package kernel

import "testing"

// eachTier runs f once for every tier that the machine has.
func eachTier(t *testing.T, f func(t *testing.T)) { t.Run(Go.String(), f) }
