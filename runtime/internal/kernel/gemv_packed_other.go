//go:build !amd64 || noasm

package kernel

// run reports whether there is assembly for it.
func (v *gemvFew) run() bool { return false }
