//go:build !amd64 || noasm

package kernel

func (w *winogradInput) run(m int) { w.runGo(m) }

func (w *winogradOutput) run(m int) { w.runGo(m) }
