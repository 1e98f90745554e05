//go:build !amd64 || noasm

package kernel

func (f *Forest) walkRows(t int, x []float32, out *[treeRows]uint32) { f.walkRowsGo(t, x, out) }
func (f *Forest) walkTrees(k int, x []float32, out *[treeRows]uint32) {
	f.walkTreesGo(k, x, out)
}
