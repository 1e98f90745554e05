package ops

import (
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

// treeID is a node of the classifier and the regressor.
type treeID struct{ tree, node int64 }

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
	at := make(map[treeID]int32, count) // the node, or the complement of the leaf
	t := &kernel.Trees[T]{}
	leaves := int32(0)
	for i, mode := range modes {
		id := treeID{trees[i], nodes[i]}
		if _, twice := at[id]; twice {
			return nil, graph.Invalidf("node %d of tree %d is there twice", id.node, id.tree)
		}
		if mode == "LEAF" {
			at[id] = ^leaves
			leaves++
			continue
		}
		m, ok := treeModes[mode]
		if !ok {
			return nil, graph.Invalidf("node mode %q", mode)
		}
		at[id] = int32(len(t.Nodes))
		t.Nodes = append(t.Nodes, kernel.TreeNode[T]{Value: T(values[i]), Mode: m, Feature: int32(min(max(features[i], -1), math.MaxInt32-1)), MissingTrue: len(missing) > 0 && missing[i] != 0})
	}
	child := map[treeID]bool{}
	for i, mode := range modes {
		if mode == "LEAF" {
			continue
		}
		node := &t.Nodes[at[treeID{trees[i], nodes[i]}]]
		for k, next := range []int64{yes[i], no[i]} {
			id := treeID{trees[i], next}
			to, ok := at[id]
			if !ok {
				return nil, graph.Invalidf("node %d of tree %d, which follows node %d, does not exist", next, trees[i], nodes[i])
			}
			child[id] = true
			if k == 0 {
				node.True = to
			} else {
				node.False = to
			}
		}
	}
	rooted := map[int64]bool{}
	for i := range nodes {
		if id := (treeID{trees[i], nodes[i]}); !rooted[id.tree] && !child[id] {
			rooted[id.tree] = true
			t.Roots = append(t.Roots, at[id])
		}
	}
	return t, listLeaves(n, prefix, targets, t, at, int(leaves))
}

// listLeaves sorts the weights by leaf. Weights of nodes that are no leaves count for nothing.
func listLeaves[T float32 | float64](n *graph.Node, prefix string, targets int, t *kernel.Trees[T], at map[treeID]int32, leaves int) error {
	trees, nodes, ids := n.Ints(prefix+"_treeids"), n.Ints(prefix+"_nodeids"), n.Ints(prefix+"_ids")
	weights, _ := numbersAttr(n, prefix+"_weights")
	if len(trees) != len(ids) || len(nodes) != len(ids) || len(weights) != len(ids) {
		return graph.Invalidf("the attributes of %d weights have other lengths", len(ids))
	}
	t.Leaves = make([]int32, leaves+1)
	for i := range ids {
		if ids[i] < 0 || ids[i] >= int64(targets) {
			return graph.Invalidf("%s_ids[%d] is %d of %d", prefix, i, ids[i], targets)
		}
		to, ok := at[treeID{trees[i], nodes[i]}]
		if !ok {
			return graph.Invalidf("weight %d is that of node %d of tree %d, which does not exist", i, nodes[i], trees[i])
		}
		if to < 0 {
			t.Leaves[^to+1]++
		}
	}
	for i := range leaves {
		t.Leaves[i+1] += t.Leaves[i]
	}
	next := slices.Clone(t.Leaves)
	t.Targets, t.Weights = make([]int32, len(ids)), make([]T, len(ids))
	for i := range ids {
		if to := at[treeID{trees[i], nodes[i]}]; to < 0 {
			k := next[^to]
			next[^to]++
			t.Targets[k], t.Weights[k] = int32(ids[i]), T(weights[i])
		}
	}
	return finishTrees(t)
}

// finishTrees checks that every path ends and that features are numbers from 0 on, and notes what all nodes have in common.
func finishTrees[T float32 | float64](t *kernel.Trees[T]) error {
	t.OnlyLEQ = true
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Feature < 0 {
			return graph.Invalidf("a node tests feature %d", n.Feature)
		}
		t.Features = max(t.Features, int(n.Feature)+1)
		t.OnlyLEQ = t.OnlyLEQ && n.Mode == kernel.TreeLEQ
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

// treeRun is an ensemble with what becomes of its scores.
type treeRun[T float32 | float64] struct {
	*kernel.Trees[T]
	fold    kernel.TreeFold
	average bool
	base    []T
	post    kernel.PostTransform
	targets int
	finish  func(r *treeRun[T], scores []T, has []bool, row int)
	class   *treeClasses // of a classifier

	x      *tensor.Tensor
	scores []T // of a worker's rows, then the rows themselves where x has another type
	has    []bool
	y      *tensor.Tensor
}

// treeRows is how many rows go through a tree before the next one.
const treeRows = 16

// treeSize is the number of rows and features of x: a vector is one row.
func treeSize(x *tensor.Tensor) (rows, features int) {
	if x.Rank() == 1 {
		return 1, x.Dim(0)
	}
	return x.Dim(0), x.Dim(1)
}

// run computes all rows. y is the tensor of scores, or nil.
func (r *treeRun[T]) run(c *graph.Ctx, y *tensor.Tensor) (err error) {
	r.x, r.y = c.In[0], y
	defer func() { r.x, r.y, r.scores, r.has = nil, nil, nil, nil }()
	rows, features := treeSize(r.x)
	if rows == 0 {
		return nil
	}
	if r.Features > features {
		return graph.Shapef("trees test feature %d of rows of %d", r.Features-1, features)
	}
	workers := c.Exec().Workers()
	if r.scores, err = recurrentScratch[T](c, workers, treeRows, r.targets+features); err != nil {
		return err
	}
	if r.has, err = recurrentScratch[bool](c, workers, treeRows, r.targets); err != nil {
		return err
	}
	c.Exec().Parallel(r, rows, treeRows)
	return nil
}

// Do computes up to treeRows rows.
func (r *treeRun[T]) Do(worker, lo, hi int) {
	_, features := treeSize(r.x)
	mine := r.scores[worker*treeRows*(r.targets+features):]
	scores, rows := mine[:(hi-lo)*r.targets], mine[treeRows*r.targets:][:(hi-lo)*features]
	has := r.has[worker*treeRows*r.targets:][:(hi-lo)*r.targets]
	if r.x.DType() == tensor.GoType[T]() {
		rows = tensor.Data[T](r.x)[lo*features : hi*features]
	} else {
		for i := range rows {
			rows[i] = T(r.x.Float(lo*features + i))
		}
	}
	r.Fold(r.fold, scores, has, r.targets, rows, features)
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
