package ops

import (
	"cmp"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// treeModes are the tests by the names of the versions that spell them.
var treeModes = map[string]kernel.TreeMode{
	"BRANCH_LEQ": kernel.TreeLEQ, "BRANCH_LT": kernel.TreeLT, "BRANCH_GTE": kernel.TreeGTE,
	"BRANCH_GT": kernel.TreeGT, "BRANCH_EQ": kernel.TreeEQ, "BRANCH_NEQ": kernel.TreeNEQ,
}

// numbersAttr are the numbers of an attribute that is a list, or a tensor under the name with "_as_tensor".
func numbersAttr(n *graph.Node, name string) ([]float64, tensor.DType) {
	t := n.Tensor(name + "_as_tensor")
	if t == nil {
		t = n.Tensor(name)
	}
	if t != nil {
		return tensorFloats(t), t.DType()
	}
	f := n.Floats(name)
	out := make([]float64, len(f))
	for i, v := range f {
		out[i] = float64(v)
	}
	return out, tensor.Float32
}

func tensorFloats(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = t.Float(i)
	}
	return out
}

// treeIndex finds nodes of the classifier and the regressor, which are named by tree and number.
type treeIndex struct {
	trees, nodes []int64
	order        []int32 // places of the nodes, sorted by name
	first, end   map[int64]int
	tree         int64 // the tree of the last question, and its part of order
	lo, hi       int
}

// newTreeIndex fails if two nodes have the same name.
func newTreeIndex(trees, nodes []int64) (*treeIndex, error) {
	x := &treeIndex{trees: trees, nodes: nodes, order: make([]int32, len(nodes)), first: map[int64]int{}, end: map[int64]int{}}
	sorted := true
	for i := range nodes {
		x.order[i] = int32(i)
		sorted = sorted && (i == 0 || trees[i-1] < trees[i] || trees[i-1] == trees[i] && nodes[i-1] < nodes[i])
	}
	if !sorted {
		slices.SortFunc(x.order, func(a, b int32) int {
			return cmp.Or(cmp.Compare(trees[a], trees[b]), cmp.Compare(nodes[a], nodes[b]))
		})
	}
	for k, at := range x.order {
		if k == 0 || trees[x.order[k-1]] != trees[at] {
			x.first[trees[at]] = k
			if k > 0 {
				x.end[trees[x.order[k-1]]] = k
			}
		} else if nodes[x.order[k-1]] == nodes[at] {
			return nil, graph.Invalidf("node %d of tree %d is there twice", nodes[at], trees[at])
		}
	}
	if n := len(x.order); n > 0 {
		x.end[trees[x.order[n-1]]] = n
		x.tree = trees[x.order[0]]
		x.hi = x.end[x.tree]
	}
	return x, nil
}

// find is the place of a node in the attributes.
func (x *treeIndex) find(tree, node int64) (int32, bool) {
	if tree != x.tree {
		x.tree, x.lo, x.hi = tree, x.first[tree], x.end[tree]
	}
	part := x.order[x.lo:x.hi]
	if len(part) == 0 {
		return 0, false
	}
	if k := node - x.nodes[part[0]]; k >= 0 && k < int64(len(part)) && x.nodes[part[k]] == node { // numbered without gaps
		return part[k], true
	}
	k, ok := slices.BinarySearchFunc(part, node, func(i int32, node int64) int { return cmp.Compare(x.nodes[i], node) })
	if !ok {
		return 0, false
	}
	return part[k], true
}

// listedTrees reads the ensemble of TreeEnsembleClassifier and TreeEnsembleRegressor, where nodes are named by tree and number and
// the attributes with the prefix ("class" or "target") give the weights of leaves. The first node of a tree that follows no other is its root.
func listedTrees[T float32 | float64](n *graph.Node, prefix string, targets int) (*kernel.Trees[T], error) {
	trees, nodes := n.Ints("nodes_treeids"), n.Ints("nodes_nodeids")
	modes, features := n.Strs("nodes_modes"), n.Ints("nodes_featureids")
	yes, no, missing := n.Ints("nodes_truenodeids"), n.Ints("nodes_falsenodeids"), n.Ints("nodes_missing_value_tracks_true")
	values, _ := numbersAttr(n, "nodes_values")
	count := len(nodes)
	for _, l := range []int{len(trees), len(modes), len(features), len(yes), len(no), len(values)} {
		if l != count {
			return nil, graph.Invalidf("the attributes of %d nodes have other lengths", count)
		}
	}
	if len(missing) != 0 && len(missing) != count {
		return nil, graph.Invalidf("nodes_missing_value_tracks_true has %d elements for %d nodes", len(missing), count)
	}
	index, err := newTreeIndex(trees, nodes)
	if err != nil {
		return nil, err
	}
	at := make([]int32, count) // per place: the node, or the complement of the leaf
	inner := 0
	for i, mode := range modes {
		if mode == "LEAF" {
			at[i] = ^int32(i - inner)
		} else {
			at[i] = int32(inner)
			inner++
		}
	}
	t := &kernel.Trees[T]{Nodes: make([]kernel.TreeNode[T], inner)}
	child := make([]bool, count)
	for i, mode := range modes {
		if at[i] < 0 {
			continue
		}
		m, ok := treeModes[mode]
		if !ok {
			return nil, graph.Invalidf("node mode %q", mode)
		}
		node := &t.Nodes[at[i]]
		*node = kernel.TreeNode[T]{Value: T(values[i]), Mode: m, Feature: int32(min(max(features[i], -1), math.MaxInt32-1)), MissingTrue: len(missing) > 0 && missing[i] != 0}
		for k, next := range [2]int64{yes[i], no[i]} {
			to, ok := index.find(trees[i], next)
			if !ok {
				return nil, graph.Invalidf("node %d of tree %d, which follows node %d, does not exist", next, trees[i], nodes[i])
			}
			child[to] = true
			if k == 0 {
				node.True = at[to]
			} else {
				node.False = at[to]
			}
		}
	}
	rooted := map[int64]bool{}
	for i := range nodes {
		if !child[i] && !rooted[trees[i]] {
			rooted[trees[i]] = true
			t.Roots = append(t.Roots, at[i])
		}
	}
	return t, listLeaves(n, prefix, targets, t, index, at)
}

// listLeaves sorts the weights by leaf. Weights of nodes that are no leaves count for nothing.
func listLeaves[T float32 | float64](n *graph.Node, prefix string, targets int, t *kernel.Trees[T], index *treeIndex, at []int32) error {
	trees, nodes, ids := n.Ints(prefix+"_treeids"), n.Ints(prefix+"_nodeids"), n.Ints(prefix+"_ids")
	weights, _ := numbersAttr(n, prefix+"_weights")
	if len(trees) != len(ids) || len(nodes) != len(ids) || len(weights) != len(ids) {
		return graph.Invalidf("the attributes of %d weights have other lengths", len(ids))
	}
	leaves := len(at) - len(t.Nodes)
	t.Leaves = make([]int32, leaves+1)
	leaf := make([]int32, len(ids)) // of each weight, -1 for none
	for i := range ids {
		if ids[i] < 0 || ids[i] >= int64(targets) {
			return graph.Invalidf("%s_ids[%d] is %d of %d", prefix, i, ids[i], targets)
		}
		to, ok := index.find(trees[i], nodes[i])
		if !ok {
			return graph.Invalidf("weight %d is that of node %d of tree %d, which does not exist", i, nodes[i], trees[i])
		}
		if leaf[i] = ^at[to]; leaf[i] >= 0 {
			t.Leaves[leaf[i]+1]++
		} else {
			leaf[i] = -1
		}
	}
	for i := range leaves {
		t.Leaves[i+1] += t.Leaves[i]
	}
	next := slices.Clone(t.Leaves)
	t.Targets, t.Weights = make([]int32, len(ids)), make([]T, len(ids))
	for i := range ids {
		if leaf[i] >= 0 {
			k := next[leaf[i]]
			next[leaf[i]]++
			t.Targets[k], t.Weights[k] = int32(ids[i]), T(weights[i])
		}
	}
	return finishTrees(t)
}

// finishTrees checks that every path ends and that features are numbers from 0 on.
func finishTrees[T float32 | float64](t *kernel.Trees[T]) error {
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Feature < 0 {
			return graph.Invalidf("a node tests feature %d", n.Feature)
		}
		t.Features = max(t.Features, int(n.Feature)+1)
	}
	const open, done = 1, 2
	state := make([]uint8, len(t.Nodes))
	var stack []int32
	for _, root := range t.Roots {
		if root >= 0 {
			stack = append(stack, root)
		}
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			if state[at] != 0 {
				stack = stack[:len(stack)-1]
				state[at] = done
				continue
			}
			state[at] = open
			for _, next := range [2]int32{t.Nodes[at].True, t.Nodes[at].False} {
				if next < 0 || state[next] == done {
					continue
				}
				if state[next] == open {
					return graph.Invalidf("a node follows itself")
				}
				stack = append(stack, next)
			}
		}
	}
	return nil
}

// ensemble is what the attributes of a node say: its trees, and what becomes of their scores.
type ensemble[T float32 | float64] struct {
	*kernel.Trees[T]
	fold    kernel.TreeFold
	average bool
	base    []T
	post    kernel.PostTransform
	targets int
	finish  func(r *treeRun[T], scores []T, has []bool, row int)
	class   *treeClasses // of a classifier
}

// treeRun is a run of an ensemble.
type treeRun[T float32 | float64] struct {
	*ensemble[T]
	rows, features int
	piece          int // rows that a worker computes at once
	width          int // scratch numbers of type T for a row

	x, y, labels *tensor.Tensor
	numbers      []T // of each worker: scores, and the rows themselves where x has another type
	columns      []float32
	has          []bool
}

// treeSize is the number of rows and features of x: a vector is one row.
func treeSize(x *tensor.Tensor) (rows, features int) {
	if x.Rank() == 1 {
		return 1, x.Dim(0)
	}
	return x.Dim(0), x.Dim(1)
}

const (
	treeMinRows = 64      // rows of a piece, unless they are long: trees must be worth their way into the cache
	treeMaxRows = 512     // and at most
	treeScratch = 1 << 15 // numbers that the scratch memory of a piece should not exceed
)

// runTrees computes all rows with the ensemble that build makes of the node's attributes. y is the tensor of scores and labels that of classes, or nil.
func runTrees[T float32 | float64](c *graph.Ctx, build func(*graph.Node) (*ensemble[T], error), y, labels *tensor.Tensor) (err error) {
	r, _ := c.Memo.(*treeRun[T])
	if r == nil {
		e, err := graph.Shared(c.Node, build)
		if err != nil {
			return err
		}
		r = &treeRun[T]{ensemble: e}
		r.plan(c)
		c.Memo = r
	}
	if r.rows == 0 {
		return nil
	}
	if r.Features > r.features {
		return graph.Shapef("trees test feature %d of rows of %d", r.Features-1, r.features)
	}
	workers := min(c.Exec().Workers(), (r.rows+r.piece-1)/r.piece)
	if r.numbers, err = recurrentScratch[T](c, workers, r.piece, r.width); err != nil {
		return err
	}
	if r.has, err = recurrentScratch[bool](c, workers, r.piece, r.targets); err != nil {
		return err
	}
	if r.columns, err = recurrentScratch[float32](c, workers, r.piece, r.Scratch()); err != nil {
		return err
	}
	r.x, r.y, r.labels = c.In[0], y, labels
	c.Exec().Parallel(r, r.rows, r.piece)
	r.x, r.y, r.labels, r.numbers, r.has, r.columns = nil, nil, nil, nil, nil, nil
	return nil
}

// plan chooses the pieces.
func (r *treeRun[T]) plan(c *graph.Ctx) {
	r.rows, r.features = treeSize(c.In[0])
	r.width = r.targets
	if c.In[0].DType() != tensor.GoType[T]() {
		r.width += r.features
	}
	share := (r.rows/max(2*c.Exec().Workers(), 1) + treeMinRows - 1) / treeMinRows * treeMinRows
	r.piece = min(max(share, treeMinRows), treeMaxRows, max(treeScratch/(r.width+r.Scratch()+1), 1), max(r.rows, 1))
}

// Do computes rows.
func (r *treeRun[T]) Do(worker, lo, hi int) {
	if r.piece < hi-lo { // whoever runs pieces one after the other may join them
		for ; lo < hi; lo += r.piece {
			r.Do(worker, lo, min(hi, lo+r.piece))
		}
		return
	}
	mine := r.numbers[worker*r.piece*r.width:]
	scores, rows := mine[:(hi-lo)*r.targets], mine[r.piece*r.targets:]
	has := r.has[worker*r.piece*r.targets:][:(hi-lo)*r.targets]
	if r.x.DType() == tensor.GoType[T]() {
		rows = tensor.Data[T](r.x)[lo*r.features : hi*r.features]
	} else {
		rows = rows[:(hi-lo)*r.features]
		for i := range rows {
			rows[i] = T(r.x.Float(lo*r.features + i))
		}
	}
	r.Fold(r.fold, scores, has, r.targets, rows, r.features, r.columns[worker*r.piece*r.Scratch():])
	if r.average {
		for i := range scores {
			scores[i] /= T(len(r.Roots))
		}
	}
	for i := lo; i < hi; i++ {
		at := (i - lo) * r.targets
		r.finish(r, scores[at:at+r.targets], has[at:at+r.targets], i)
	}
}

// finishTargets adds the base values, transforms and stores the scores of a row of a regression. A single score is only transformed by PROBIT, as in ONNX Runtime.
func finishTargets[T float32 | float64](r *treeRun[T], scores []T, _ []bool, row int) {
	for i := range r.base {
		scores[i] += r.base[i]
	}
	if len(scores) > 1 || r.post == kernel.PostProbit {
		kernel.Post(r.post, scores)
	}
	storeScores(r.y, row*r.targets, scores)
}

// storeScores writes numbers to the elements of y from number at on.
func storeScores[T float32 | float64](y *tensor.Tensor, at int, scores []T) {
	switch y.DType() {
	case tensor.Float32:
		for i, v := range scores {
			tensor.Data[float32](y)[at+i] = float32(v)
		}
	case tensor.Float64:
		for i, v := range scores {
			tensor.Data[float64](y)[at+i] = float64(v)
		}
	case tensor.Float16:
		for i, v := range scores {
			one := [1]float32{float32(v)}
			kernel.Narrow(tensor.Data[uint16](y)[at+i:at+i+1], one[:], false)
		}
	}
}

// inferTrees gives output i the shape (rows, targets).
func inferTrees(c *graph.Infer, i int, d tensor.DType, targets int) error {
	rows := graph.Unknown()
	if s, ok := c.Shape(0); ok {
		switch len(s) {
		case 1:
			rows = graph.Size(1)
		case 2:
			rows = s[0]
		default:
			return graph.Shapef("rows of features in %s", c.Type(0))
		}
	}
	c.SetTensor(i, d, rows, graph.Size(targets))
	return nil
}
