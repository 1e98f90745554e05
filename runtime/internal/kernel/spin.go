package kernel

// pauseGo passes about as much time as n PAUSE instructions.
func pauseGo(n int) {
	for range n {
		idle()
	}
}

//go:noinline
func idle() {}
