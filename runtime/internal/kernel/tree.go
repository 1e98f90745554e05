package kernel

import "slices"

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
	OnlyLEQ  bool // every test is TreeLEQ
	Features int  // one more than the highest feature
}

// leaf is the number of the leaf that a row comes to from a root.
func (t *Trees[T]) leaf(at int32, row []T) int32 {
	if t.OnlyLEQ {
		for at >= 0 {
			n := &t.Nodes[at]
			v := row[n.Feature]
			if v <= n.Value || n.MissingTrue && v != v {
				at = n.True
			} else {
				at = n.False
			}
		}
		return ^at
	}
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

// Fold runs rows of x, each features long, through all trees, one tree after the other, and gathers their weights in scores, which has targets numbers for each row.
// has says which targets a leaf spoke of; the others are 0.
func (t *Trees[T]) Fold(how TreeFold, scores []T, has []bool, targets int, x []T, features int) {
	clear(scores)
	clear(has)
	rows := len(scores) / targets
	for _, root := range t.Roots {
		for r := range rows {
			leaf := t.leaf(root, x[r*features:][:features])
			for k := t.Leaves[leaf]; k < t.Leaves[leaf+1]; k++ {
				at, w := r*targets+int(t.Targets[k]), t.Weights[k]
				switch {
				case how == TreeSum:
					scores[at] += w
				case !has[at] || how == TreeMin && w < scores[at] || how == TreeMax && w > scores[at]:
					scores[at] = w
				}
				has[at] = true
			}
		}
	}
}
