//go:build !amd64 || noasm

package kernel

func (d *Depthwise) run() { depthwiseGo(d) }
