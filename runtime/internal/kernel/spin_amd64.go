//go:build !noasm

package kernel

// Pause executes n PAUSE instructions, n > 0, between two looks at memory that another thread writes: about 15 to 50 ns each.
func Pause(n int) { asmPause(n) }
