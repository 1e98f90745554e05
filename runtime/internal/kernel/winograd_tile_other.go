//go:build !amd64 || noasm

package kernel

func (w *winogradInput) run(m int) { w.runGo(m) }

func (w *winogradOutput) run(m int) { w.runGo(m) }

// winogradShape is the largest product of the active tier: rows, and the columns of a panel.
func winogradShape() (rows, width int) { return 6, 16 }

func (w *winogradProduct) run(m, width int) { w.runGo(m, width) }

func (w *winogradPacking) run(m int) { w.runGo(m) }
