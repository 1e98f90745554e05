//go:build !amd64 || noasm

package kernel

func (d *Depthwise) run()        { depthwiseGo(d) }
func (d *Depthwise) max()        { maxPoolGo(d) }
func (d *Depthwise) skips() bool { return true }

func sumColumns(acc []float64, x []float32, rows, stride int) int { return 0 }
