//go:build !amd64 || noasm

package kernel

// Pause passes some time between two looks at memory that another thread writes.
func Pause(n int) {
	for range 8 * n {
		idle()
	}
}

//go:noinline
func idle() {}
