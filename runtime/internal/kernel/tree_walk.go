package kernel

import "math"

// loadRows fills the columns of x for rows of features numbers each: groups of treeRows rows are laid out [column][row], the rest row by row.
// dst has a number for each row and column.
func loadRows[T float32 | float64](f *Forest, dst []float32, rows []T, features int) {
	width := len(f.Columns)
	count := 0
	if features > 0 {
		count = len(rows) / features
	}
	for r := 0; r < count; {
		lanes := 1
		if count-r >= treeRows {
			lanes = treeRows
		}
		for c, col := range f.Columns {
			to := dst[r*width+c*lanes:][:lanes]
			from := rows[r*features+int(col.Feature):]
			for i, at := 0, 0; i < len(to); i, at = i+1, at+features {
				v := from[at]
				x := float32(v)
				if T(x) != v { // a call for each number would take longer than the walks
					x = treeValue(col, v)
				}
				to[i] = x
			}
		}
		r += lanes
	}
}

// treeValue is the number that the tests of a column compare.
func treeValue[T float32 | float64](c TreeColumn, v T) float32 {
	x := float32(v)
	switch {
	case T(x) == v:
	case v != v:
		if c.Low {
			return float32(math.Inf(-1))
		}
	case T(x) < v && !c.Down:
		return math.Nextafter32(x, float32(math.Inf(1)))
	case T(x) > v && c.Down:
		return math.Nextafter32(x, float32(math.Inf(-1)))
	}
	return x
}

// sumWeights adds the weights of all trees to the scores of rows, each targets long, in the order of the trees; x is what loadRows made of
// them. The forest must have weights in its table.
func sumWeights[T float32 | float64](f *Forest, scores []T, targets int, x []float32) {
	rows, width := len(scores)/targets, len(f.Columns)
	whole := rows &^ (treeRows - 1)
	var out [treeRows]uint32
	lo := 0
	for _, hi := range f.ends {
		for r := 0; r < whole; r += treeRows {
			block := x[r*width:][:treeRows*width]
			for k := lo; k < hi; k++ {
				f.walkRows(k, block, &out)
				if targets == 1 {
					to := (*[treeRows]T)(scores[r:])
					for i, w := range out {
						to[i] += T(math.Float32frombits(w))
					}
					continue
				}
				to := scores[r*targets+int(f.targets[k]):]
				for i, w := range out {
					to[i*targets] += T(math.Float32frombits(w))
				}
			}
		}
		lo = hi
	}
	for r := whole; r < rows; r++ {
		row, to := x[r*width:][:width], scores[r*targets:][:targets]
		for k := 0; k < f.Trees(); k += treeRows {
			f.walkTrees(k, row, &out)
			for i, w := range out[:min(treeRows, f.Trees()-k)] {
				to[f.targets[k+i]] += T(math.Float32frombits(w))
			}
		}
	}
}

// walkRowsGo is the contract of walkRows: out[r] is what table has for the leaf of tree t that row r comes to; x is [column][row].
func (f *Forest) walkRowsGo(t int, x []float32, out *[treeRows]uint32) {
	root := f.roots[t]
	for r := range out {
		out[r] = f.table[root+f.walk(root, x, treeRows, r)]
	}
}

// walkTreesGo is the contract of walkTrees: out[i] is what table has for the leaf of tree k+i that row x comes to.
func (f *Forest) walkTreesGo(k int, x []float32, out *[treeRows]uint32) {
	for i, root := range f.roots[k:][:treeRows] {
		out[i] = f.table[root+f.walk(root, x, 1, 0)]
	}
}

// walk is the leaf, counted from the root; element c of the row is x[c*stride+at].
func (f *Forest) walk(root int32, x []float32, stride, at int) int32 {
	nodes, mask := f.nodes[root:], uint32(1)<<f.shift-1
	i := uint32(0)
	for {
		n := nodes[i]
		next := uint32(n) >> f.shift
		if next == i {
			return int32(i)
		}
		if x[int(uint32(n)&mask)*stride+at] <= math.Float32frombits(uint32(n>>32)) {
			next++
		}
		i = next
	}
}

// walkRow is walk for a row as it is. It has branches, so that a processor that guesses them well need not wait for one test before the next.
func walkRow[T float32 | float64](f *Forest, root int32, row []T) int32 {
	nodes, mask := f.nodes[root:], uint32(1)<<f.shift-1
	i := uint32(0)
	for {
		n := nodes[i]
		next := uint32(n) >> f.shift
		if next == i {
			return int32(i)
		}
		c := f.Columns[uint32(n)&mask]
		v := row[c.Feature]
		limit := math.Float32frombits(uint32(n >> 32))
		switch {
		case c.Down || v != v:
			if treeValue(c, v) <= limit {
				next++
			}
		case v <= T(limit):
			next++
		}
		i = next
	}
}
