package kernel

import (
	"math"
	"math/bits"
	"unsafe"
)

// treeRows is how many rows walk through a tree, or trees are walked by a row, side by side.
const treeRows = 32

// Forest is an ensemble in the form in which vectors of walks go through it without a branch. All tests are x ≤ limit: columns say which x, so that
// NaN and the other tests come out right. A tree's nodes lie level after level, and a node's successors side by side:
//
//	nodes[at] = limit<<32 | next<<shift | column    at = next + 1 if x[column] ≤ limit, else next
//
// Leaves are nodes that follow themselves: their limit is NaN. next counts from the tree's root.
type Forest struct {
	Columns []TreeColumn
	nodes   []uint64
	roots   []int32 // nodes where trees start; then the last one repeats treeRows - 1 times
	depth   []int32 // of the trees
	deepest int
	table   []uint32 // per node: the leaf, or its weight
	targets []int32  // per tree, the target of all its leaves; nil if leaves have other numbers of weights than one, and table holds leaves
	shift   int
	ends    []int // blocks of trees that fit the second-level cache: where each ends
	few     bool  // a row meets few tests for the columns there are: it walks as it is
}

// TreeColumn is what a test looks at: a feature, float64 rounded up or down to float32, and −Inf in place of NaN where that is Low.
type TreeColumn struct {
	Feature int32
	Down    bool
	Low     bool
}

const (
	treeBlock     = 1 << 18 // bytes of the trees that all rows go through before the next ones
	treeMaxNodes  = 1 << 27
	treeNodeBytes = 12
)

// newForest is t as a Forest. It is nil where t has tests that are no comparisons with a float32, or many ways to the same nodes.
func newForest[T float32 | float64](t *Trees[T], sums bool) *Forest {
	b := forestBuilder[T]{Trees: t, f: &Forest{}, columns: map[TreeColumn]uint32{}}
	if !b.build() {
		return nil
	}
	if sums {
		b.weights()
	}
	return b.f
}

type forestBuilder[T float32 | float64] struct {
	*Trees[T]
	f       *Forest
	columns map[TreeColumn]uint32
	next    []uint32 // per node of the forest
	column  []uint32
	level   []int32 // nodes of t, or complements of leaves, in the order of the forest's nodes of this tree
	tests   int     // on the way to a leaf, as the mean over the leaves of a tree, of all trees
}

func (b *forestBuilder[T]) build() bool {
	limit := min(2*len(b.Nodes)+len(b.Roots), treeMaxNodes)
	for _, root := range b.Roots {
		if !b.tree(root, limit) {
			return false
		}
	}
	f := b.f
	f.shift = bits.Len(uint(max(len(f.Columns), 1) - 1))
	most := uint32(math.MaxUint32) >> f.shift
	for i, next := range b.next {
		if next > most {
			return false
		}
		f.nodes[i] |= uint64(next<<f.shift | b.column[i])
	}
	f.block()
	f.few = 3*b.tests < len(f.Columns) // a test is about three times as fast where columns have been laid out
	return true
}

// tree appends a tree, level by level.
func (b *forestBuilder[T]) tree(root int32, limit int) bool {
	f := b.f
	start := len(f.nodes)
	f.roots = append(f.roots, int32(start))
	b.level = append(b.level[:0], root)
	depth, end := int32(0), 1 // end of the level
	leaves, tests := 0, 0
	for i := 0; i < len(b.level); i++ {
		if start+len(b.level) > limit {
			return false
		}
		if i == end {
			depth, end = depth+1, len(b.level)
		}
		at := b.level[i]
		if at < 0 {
			f.nodes = append(f.nodes, uint64(math.Float32bits(float32(math.NaN())))<<32)
			f.table = append(f.table, uint32(^at))
			b.next, b.column = append(b.next, uint32(i)), append(b.column, 0)
			leaves, tests = leaves+1, tests+int(depth)
			continue
		}
		c, lim, yes, no, ok := comparison(&b.Nodes[at])
		if !ok {
			return false
		}
		k, seen := b.columns[c]
		if !seen {
			k = uint32(len(f.Columns))
			b.columns[c] = k
			f.Columns = append(f.Columns, c)
		}
		f.nodes = append(f.nodes, uint64(math.Float32bits(lim))<<32)
		f.table = append(f.table, 0)
		b.next, b.column = append(b.next, uint32(len(b.level))), append(b.column, k)
		b.level = append(b.level, no, yes)
	}
	f.depth = append(f.depth, depth)
	b.tests += tests / leaves
	return true
}

// comparison turns the test of a node into c ≤ limit, after which yes or no follows. For float64 x and a float32 limit, x ≤ limit is the same as
// up(x) ≤ limit, and x < limit the same as down(x) ≤ the float32 before limit.
func comparison[T float32 | float64](n *TreeNode[T]) (c TreeColumn, limit float32, yes, no int32, ok bool) {
	limit = float32(n.Value)
	if T(limit) != n.Value && n.Value == n.Value {
		return
	}
	yes, no = n.True, n.False
	c = TreeColumn{Feature: n.Feature, Low: n.MissingTrue}
	less := n.Mode == TreeLT || n.Mode == TreeGTE
	switch n.Mode {
	case TreeLEQ, TreeLT:
	case TreeGT, TreeGTE: // not LEQ, not LT; NaN went to no
		yes, no, c.Low = no, yes, !c.Low
	default:
		return
	}
	if less {
		if limit == float32(math.Inf(-1)) {
			return
		}
		limit, c.Down = math.Nextafter32(limit, float32(math.Inf(-1))), unsafe.Sizeof(n.Value) == 8
	}
	if limit != limit && c.Low {
		return
	}
	return c, limit, yes, no, true
}

// weights puts weights into the table in place of leaves, if all leaves have one, a float32, and those of a tree have the same target.
func (b *forestBuilder[T]) weights() {
	f := b.f
	targets := make([]int32, len(f.depth))
	for k := range targets {
		targets[k] = -1
		for i := f.roots[k]; i < f.end(k); i++ {
			if !f.isLeaf(i, k) {
				continue
			}
			at := b.Leaves[f.table[i]]
			w := b.Weights[at:b.Leaves[f.table[i]+1]]
			if len(w) != 1 || T(float32(w[0])) != w[0] || targets[k] >= 0 && targets[k] != b.Targets[at] {
				return
			}
			targets[k] = b.Targets[at]
		}
	}
	for k := range targets {
		for i := f.roots[k]; i < f.end(k); i++ {
			if f.isLeaf(i, k) {
				f.table[i] = math.Float32bits(float32(b.Weights[b.Leaves[f.table[i]]]))
			}
		}
	}
	f.targets = targets
}

// end is where the nodes of tree k end.
func (f *Forest) end(k int) int32 {
	if k+1 < len(f.depth) {
		return f.roots[k+1]
	}
	return int32(len(f.nodes))
}

func (f *Forest) isLeaf(i int32, k int) bool {
	return int32(uint32(f.nodes[i])>>f.shift) == i-f.roots[k]
}

// Trees is the number of trees.
func (f *Forest) Trees() int { return len(f.depth) }

// block cuts the trees into blocks, and lets a group of trees start with any.
func (f *Forest) block() {
	start := int32(0)
	for k := range f.depth {
		if full := (f.end(k)-start)*treeNodeBytes > treeBlock; full || k == len(f.depth)-1 {
			f.ends = append(f.ends, k+1)
			start = f.end(k)
		}
		f.deepest = max(f.deepest, int(f.depth[k]))
	}
	for range treeRows - 1 {
		if n := len(f.roots); n > 0 {
			f.roots = append(f.roots, f.roots[n-1])
		}
	}
}
