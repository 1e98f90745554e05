//go:build !amd64 || noasm

package kernel

// Active is the tier in use.
func Active() Tier { return Go }
