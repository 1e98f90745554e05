package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// TreeEnsemble runs rows (N, features) through decision trees and gives the sum, average, smallest or largest weight of the leaves that they come to, for each target (N, targets).
var treeEnsemble = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "TreeEnsemble", Since: 5,
	Sig: `(X:T) -> (Y:T)
		T = f16 f32 f64
		aggregate_function int = 1; leaf_targetids ints!; leaf_weights tensor!; membership_values tensor; n_targets int
		nodes_falseleafs ints!; nodes_falsenodeids ints!; nodes_featureids ints!; nodes_hitrates tensor; nodes_missing_value_tracks_true ints
		nodes_modes tensor!; nodes_splits tensor!; nodes_trueleafs ints!; nodes_truenodeids ints!; post_transform int = 0; tree_roots ints!`,
	Infer: inferTreeEnsemble, Run: runTreeEnsemble,
})

// ensembleTargets is n_targets; without it, the highest target of a leaf counts.
func ensembleTargets(n *graph.Node, name, ids string) (int, error) {
	targets := n.Int(name)
	if !n.HasAttr(name) {
		targets = 1
		for _, id := range n.Ints(ids) {
			targets = max(targets, int(min(id, math.MaxInt32-1))+1)
		}
	}
	if targets < 1 || targets > math.MaxInt32 {
		return 0, graph.Invalidf("%s is %d", name, targets)
	}
	return targets, nil
}

func inferTreeEnsemble(c *graph.Infer) error {
	targets, err := ensembleTargets(c.Node, "n_targets", "leaf_targetids")
	if err != nil {
		return err
	}
	return inferTrees(c, 0, c.DType(0), targets)
}

func runTreeEnsemble(c *graph.Ctx) error {
	splits := c.Node.Tensor("nodes_splits")
	if splits == nil || c.Node.Tensor("nodes_modes") == nil || c.Node.Tensor("leaf_weights") == nil {
		return graph.Invalidf("nodes_splits, nodes_modes or leaf_weights is missing")
	}
	switch d := c.In[0].DType(); {
	case d == tensor.Float64 || d == tensor.Float32 && splits.DType() == tensor.Float64:
		return runEnsemble[float64](c)
	case d == tensor.Float32 || d == tensor.Float16:
		return runEnsemble[float32](c)
	}
	return graph.Typef("trees over %s", c.In[0])
}

func runEnsemble[T float32 | float64](c *graph.Ctx) error {
	return runTrees(c, indexedEnsemble[T], c.Out[0], nil)
}

func indexedEnsemble[T float32 | float64](n *graph.Node) (*ensemble[T], error) {
	targets, err := ensembleTargets(n, "n_targets", "leaf_targetids")
	if err != nil {
		return nil, err
	}
	t, err := indexedTrees[T](n, targets)
	if err != nil {
		return nil, err
	}
	e := &ensemble[T]{Trees: t, targets: targets, finish: finishTargets[T], post: kernel.PostTransform(n.Int("post_transform"))}
	if p := n.Int("post_transform"); p < 0 || p > int(kernel.PostProbit) {
		return nil, graph.Invalidf("post_transform %d", p)
	}
	names := []string{"AVERAGE", "SUM", "MIN", "MAX"}
	how := n.Int("aggregate_function")
	if how < 0 || how >= len(names) {
		return nil, graph.Invalidf("aggregate_function %d", how)
	}
	return e, e.aggregate(names[how])
}

// aggregate sets how weights come together, and makes the trees ready for it.
func (r *ensemble[T]) aggregate(name string) error {
	switch name {
	case "SUM", "":
		r.fold = kernel.TreeSum
	case "AVERAGE":
		r.fold, r.average = kernel.TreeSum, true
	case "MIN":
		r.fold = kernel.TreeMin
	case "MAX":
		r.fold = kernel.TreeMax
	default:
		return graph.Invalidf("aggregate_function %q", name)
	}
	r.Prepare(r.fold)
	return nil
}

// indexedTrees reads the ensemble of TreeEnsemble, where nodes and leaves are named by their places in the attributes.
func indexedTrees[T float32 | float64](n *graph.Node, targets int) (*kernel.Trees[T], error) {
	modes, splits := tensorFloats(n.Tensor("nodes_modes")), tensorFloats(n.Tensor("nodes_splits"))
	features, missing := n.Ints("nodes_featureids"), n.Ints("nodes_missing_value_tracks_true")
	yes, no, yesLeaf, noLeaf := n.Ints("nodes_truenodeids"), n.Ints("nodes_falsenodeids"), n.Ints("nodes_trueleafs"), n.Ints("nodes_falseleafs")
	ids, weights := n.Ints("leaf_targetids"), tensorFloats(n.Tensor("leaf_weights"))
	count := len(modes)
	for _, l := range []int{len(splits), len(features), len(yes), len(no), len(yesLeaf), len(noLeaf)} {
		if l != count {
			return nil, graph.Invalidf("the attributes of %d nodes have other lengths", count)
		}
	}
	if len(missing) != 0 && len(missing) != count || len(ids) != len(weights) {
		return nil, graph.Invalidf("%d nodes with %d missing_value_tracks_true, %d leaves with %d weights", count, len(missing), len(ids), len(weights))
	}
	t := &kernel.Trees[T]{Nodes: make([]kernel.TreeNode[T], count)}
	members := treeMembers{n: n}
	for i := range t.Nodes {
		node := &t.Nodes[i]
		*node = kernel.TreeNode[T]{Value: T(splits[i]), Mode: kernel.TreeMode(modes[i]), Feature: int32(min(max(features[i], -1), math.MaxInt32-1)), MissingTrue: len(missing) > 0 && missing[i] != 0}
		var ok1, ok2 bool
		node.True, ok1 = treeChild(yes[i], yesLeaf[i] != 0, count, len(ids))
		node.False, ok2 = treeChild(no[i], noLeaf[i] != 0, count, len(ids))
		if !ok1 || !ok2 || !(modes[i] >= 0 && modes[i] <= float64(kernel.TreeMember)) {
			return nil, graph.Invalidf("node %d has mode %v and the children %d and %d", i, modes[i], yes[i], no[i])
		}
		if node.Mode == kernel.TreeMember {
			set, err := members.next()
			if err != nil {
				return nil, err
			}
			node.Members[0] = int32(len(t.Members))
			for _, v := range set {
				t.Members = append(t.Members, T(v))
			}
			node.Members[1] = int32(len(t.Members))
			slices.Sort(t.Members[node.Members[0]:])
		}
	}
	for _, root := range n.Ints("tree_roots") {
		if root < 0 || root >= int64(count) {
			return nil, graph.Invalidf("root %d of %d nodes", root, count)
		}
		t.Roots = append(t.Roots, int32(root))
	}
	t.Leaves = make([]int32, len(ids)+1)
	for i, id := range ids {
		if id < 0 || id >= int64(targets) {
			return nil, graph.Invalidf("leaf_targetids[%d] is %d of %d", i, id, targets)
		}
		t.Leaves[i+1] = int32(i + 1)
		t.Targets, t.Weights = append(t.Targets, int32(id)), append(t.Weights, T(weights[i]))
	}
	return t, finishTrees(t)
}

// treeChild is a node, or the complement of a leaf.
func treeChild(at int64, leaf bool, nodes, leaves int) (int32, bool) {
	if leaf {
		return ^int32(at), at >= 0 && at < int64(leaves)
	}
	return int32(at), at >= 0 && at < int64(nodes)
}

// treeMembers reads the sets of membership_values, each of which ends with NaN, in the order of the nodes that use them.
type treeMembers struct {
	n    *graph.Node
	rest []float64
	read bool
}

func (m *treeMembers) next() ([]float64, error) {
	if t := m.n.Tensor("membership_values"); !m.read && t != nil {
		m.rest = tensorFloats(t)
	}
	m.read = true
	if len(m.rest) == 0 {
		return nil, graph.Invalidf("membership_values has too few sets")
	}
	end := slices.IndexFunc(m.rest, func(v float64) bool { return v != v })
	if end < 0 { // the last NaN may be left out
		set := m.rest
		m.rest = nil
		return set, nil
	}
	set := m.rest[:end]
	m.rest = m.rest[end+1:]
	return set, nil
}
