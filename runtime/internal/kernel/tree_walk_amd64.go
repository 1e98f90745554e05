//go:build !noasm

package kernel

func (f *Forest) walkRows(t int, x []float32, out *[treeRows]uint32) {
	root, depth := f.roots[t], int(f.depth[t])
	if depth == 0 || !useAVX2 {
		f.walkRowsGo(t, x, out)
		return
	}
	_ = x[len(f.Columns)*treeRows-1]
	if useAVX512 {
		asmTreeRows512(&f.nodes[root], &f.table[root], &x[0], f.shift, depth, &out[0])
		return
	}
	asmTreeRows2(&f.nodes[root], &f.table[root], &x[0], f.shift, depth, &out[0])
	asmTreeRows2(&f.nodes[root], &f.table[root], &x[treeRows/2], f.shift, depth, &out[treeRows/2])
}

func (f *Forest) walkTrees(k int, x []float32, out *[treeRows]uint32) {
	roots := f.roots[k:][:treeRows]
	if f.deepest == 0 || !useAVX2 {
		f.walkTreesGo(k, x, out)
		return
	}
	_ = x[len(f.Columns)-1]
	if useAVX512 {
		asmTreeTrees512(&f.nodes[0], &f.table[0], &roots[0], &x[0], f.shift, f.deepest, &out[0])
		return
	}
	asmTreeTrees2(&f.nodes[0], &f.table[0], &roots[0], &x[0], f.shift, f.deepest, &out[0])
	asmTreeTrees2(&f.nodes[0], &f.table[0], &roots[treeRows/2], &x[0], f.shift, f.deepest, &out[treeRows/2])
}
