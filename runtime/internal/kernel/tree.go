package kernel

import (
	"math"
	"slices"
)

// TreeMode is the test at a node of a decision tree.
type TreeMode uint8

// The tests, with the numbers that the standard gives them.
const (
	TreeLEQ TreeMode = iota
	TreeLT
	TreeGTE
	TreeGT
	TreeEQ
	TreeNEQ
	TreeMember
)

// TreeNode tests one feature. True and False are the nodes that follow, or the complement of the number of a leaf.
type TreeNode[T float32 | float64] struct {
	Value       T
	True, False int32
	Feature     int32
	Members     [2]int32 // the set of TreeMember within Trees.Members, in ascending order
	Mode        TreeMode
	MissingTrue bool // NaN goes the way of true
}

// Trees is an ensemble of decision trees. Leaf i adds the weights from Leaves[i] to Leaves[i+1]-1 to their targets.
// All indices must be in range and no node may be reachable from itself.
type Trees[T float32 | float64] struct {
	Nodes    []TreeNode[T]
	Members  []T
	Roots    []int32
	Leaves   []int32
	Targets  []int32
	Weights  []T
	Features int // one more than the highest feature

	forest *Forest // the nodes once more, for most ensembles; Nodes is nil then
}

// Prepare lays the ensemble out for Fold, whose how is given. It must not change afterwards.
func (t *Trees[T]) Prepare(how TreeFold) {
	if t.forest = newForest(t, how == TreeSum); t.forest != nil {
		t.Nodes = nil
	}
}

// Scratch is how many float32 Fold needs for a row.
func (t *Trees[T]) Scratch() int {
	if t.forest == nil || t.forest.few {
		return 0
	}
	return len(t.forest.Columns)
}

// leaf is the number of the leaf that a row comes to from a root.
func (t *Trees[T]) leaf(at int32, row []T) int32 {
	for at >= 0 {
		n := &t.Nodes[at]
		v := row[n.Feature]
		if t.test(n, v) || n.MissingTrue && v != v {
			at = n.True
		} else {
			at = n.False
		}
	}
	return ^at
}

func (t *Trees[T]) test(n *TreeNode[T], v T) bool {
	switch n.Mode {
	case TreeLEQ:
		return v <= n.Value
	case TreeLT:
		return v < n.Value
	case TreeGTE:
		return v >= n.Value
	case TreeGT:
		return v > n.Value
	case TreeEQ:
		return v == n.Value
	case TreeNEQ:
		return v != n.Value
	default:
		_, found := slices.BinarySearch(t.Members[n.Members[0]:n.Members[1]], v)
		return found && v == v
	}
}

// TreeFold is how the weights of a target come together.
type TreeFold uint8

// The ways; the average is the sum over the number of trees.
const (
	TreeSum TreeFold = iota
	TreeMin
	TreeMax
)

// Fold runs rows of x, each features long, through all trees and gathers their weights in scores, which has targets numbers for each row, in the order
// of the trees. has says which targets a leaf spoke of; the others are 0. Scratch says how large scratch must be.
func (t *Trees[T]) Fold(how TreeFold, scores []T, has []bool, targets int, x []T, features int, scratch []float32) {
	clear(scores)
	clear(has)
	rows := len(scores) / targets
	if rows == 0 {
		return
	}
	f := t.forest
	if f == nil {
		for _, root := range t.Roots {
			for r := range rows {
				t.add(how, t.leaf(root, x[r*features:][:features]), scores[r*targets:], has[r*targets:])
			}
		}
		return
	}
	if f.few {
		t.foldFew(how, scores, has, targets, x, features)
	} else {
		loadRows(f, scratch, x, features)
		if f.targets != nil {
			sumWeights(f, scores, targets, scratch)
		} else {
			t.fold(how, scores, has, targets, scratch)
		}
	}
	if len(f.targets) > 0 {
		for _, k := range f.targets {
			has[k] = true
		}
		for r := range rows {
			copy(has[r*targets:][:targets], has)
		}
	}
}

// fold is Fold by a forest that has leaves in its table.
func (t *Trees[T]) fold(how TreeFold, scores []T, has []bool, targets int, x []float32) {
	f := t.forest
	rows, width := len(scores)/targets, len(f.Columns)
	whole := rows &^ (treeRows - 1)
	var out [treeRows]uint32
	lo := 0
	for _, hi := range f.ends {
		for r := 0; r < whole; r += treeRows {
			for k := lo; k < hi; k++ {
				f.walkRows(k, x[r*width:][:treeRows*width], &out)
				for i, leaf := range out {
					t.add(how, int32(leaf), scores[(r+i)*targets:], has[(r+i)*targets:])
				}
			}
		}
		lo = hi
	}
	for r := whole; r < rows; r++ {
		for k := 0; k < f.Trees(); k += treeRows {
			f.walkTrees(k, x[r*width:][:width], &out)
			for _, leaf := range out[:min(treeRows, f.Trees()-k)] {
				t.add(how, int32(leaf), scores[r*targets:], has[r*targets:])
			}
		}
	}
}

// foldFew is Fold by the forest for rows as they are.
func (t *Trees[T]) foldFew(how TreeFold, scores []T, has []bool, targets int, x []T, features int) {
	f := t.forest
	for r := range len(scores) / targets {
		row, to := x[r*features:][:features], scores[r*targets:][:targets]
		for k, root := range f.roots[:f.Trees()] {
			got := f.table[root+walkRow(f, root, row)]
			if f.targets != nil {
				to[f.targets[k]] += T(math.Float32frombits(got))
			} else {
				t.add(how, int32(got), to, has[r*targets:])
			}
		}
	}
}

// add takes the weights of a leaf into the scores of a row.
func (t *Trees[T]) add(how TreeFold, leaf int32, scores []T, has []bool) {
	for k := t.Leaves[leaf]; k < t.Leaves[leaf+1]; k++ {
		at, w := t.Targets[k], t.Weights[k]
		switch {
		case how == TreeSum:
			scores[at] += w
		case !has[at] || how == TreeMin && w < scores[at] || how == TreeMax && w > scores[at]:
			scores[at] = w
		}
		has[at] = true
	}
}
