//go:build !amd64 || noasm

package kernel

// Pause passes some time between two looks at memory that another thread writes.
func Pause(n int) { pauseGo(8 * n) }
