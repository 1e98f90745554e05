//go:build !noasm

package kernel

import "testing"

// eachTier runs f once for every tier that the machine has.
func eachTier(t *testing.T, f func(t *testing.T)) {
	was := Active()
	defer setTier(was)
	for tier := Go; tier <= bestTier(); tier++ {
		setTier(tier)
		t.Run(tier.String(), f)
	}
}
