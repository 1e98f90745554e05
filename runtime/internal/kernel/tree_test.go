package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// randomTrees makes an ensemble whose trees have up to depth levels, with a test of modes at every node.
func randomTrees[T float32 | float64](rng *rand.Rand, trees, depth, features, targets, perLeaf int, modes []TreeMode) *Trees[T] {
	t := &Trees[T]{Features: features, Leaves: []int32{0}}
	special := []T{0, T(math.Copysign(0, -1)), T(math.Inf(1)), math.SmallestNonzeroFloat32, 1, -1}
	var grow func(d, tree int) int32
	grow = func(d, tree int) int32 {
		if d == 0 || rng.IntN(6) == 0 {
			for range perLeaf {
				t.Targets = append(t.Targets, int32((tree+len(t.Weights))%targets))
				if perLeaf == 1 {
					t.Targets[len(t.Targets)-1] = int32(tree % targets)
				}
				t.Weights = append(t.Weights, T(float32(rng.NormFloat64())))
			}
			t.Leaves = append(t.Leaves, int32(len(t.Weights)))
			return ^int32(len(t.Leaves) - 2)
		}
		at := len(t.Nodes)
		n := TreeNode[T]{Mode: modes[rng.IntN(len(modes))], Feature: int32(rng.IntN(features)), MissingTrue: rng.IntN(2) == 0, Value: T(float32(rng.NormFloat64()))}
		if rng.IntN(4) == 0 {
			n.Value = special[rng.IntN(len(special))]
		}
		t.Nodes = append(t.Nodes, n)
		yes := grow(d-1, tree)
		no := grow(d-1, tree)
		t.Nodes[at].True, t.Nodes[at].False = yes, no
		return int32(at)
	}
	for k := range trees {
		t.Roots = append(t.Roots, grow(depth, k))
	}
	return t
}

// treeInputs are rows of numbers that lie on, just beside and far from limits, NaN among them.
func treeInputs[T float32 | float64](rng *rand.Rand, t *Trees[T], rows, features int) []T {
	x := make([]T, rows*features)
	for i := range x {
		switch rng.IntN(8) {
		case 0:
			x[i] = T(math.NaN())
		case 1:
			x[i] = T(math.Inf(1 - 2*rng.IntN(2)))
		case 2, 3:
			if len(t.Nodes) > 0 {
				x[i] = t.Nodes[rng.IntN(len(t.Nodes))].Value
				if rng.IntN(2) == 0 {
					x[i] = T(math.Nextafter(float64(x[i]), float64(1-2*rng.IntN(2))))
				}
			}
		default:
			x[i] = T(rng.NormFloat64())
		}
	}
	return x
}

func testForest[T float32 | float64](t *testing.T) {
	all := []TreeMode{TreeLEQ, TreeLT, TreeGTE, TreeGT}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		trees, depth, features, targets, perLeaf int
		modes                                    []TreeMode
		how                                      TreeFold
	}{
		{1, 0, 1, 1, 1, all, TreeSum}, {1, 5, 3, 1, 1, all, TreeSum}, {40, 6, 7, 1, 1, all[:1], TreeSum}, {33, 12, 50, 1, 1, all, TreeSum},
		{64, 4, 5, 3, 1, all, TreeSum}, {70, 5, 300, 3, 2, all, TreeSum}, {31, 3, 2, 2, 0, all, TreeSum},
		{50, 5, 4, 2, 1, all, TreeMin}, {50, 5, 4, 2, 3, all, TreeMax}, {400, 9, 20, 1, 1, all, TreeSum}, {2, 11, 900, 1, 1, all, TreeSum},
	} {
		plain := randomTrees[T](rng, c.trees, c.depth, c.features, c.targets, c.perLeaf, c.modes)
		made := *plain
		made.Prepare(c.how)
		if made.forest == nil {
			t.Fatalf("%+v: no forest", c)
		}
		for _, rows := range []int{0, 1, 2, 31, 32, 33, 64, 75} {
			x := treeInputs(rng, plain, rows, c.features)
			want, has := make([]T, rows*c.targets), make([]bool, rows*c.targets)
			plain.Fold(c.how, want, has, c.targets, x, c.features, nil)
			got, had := make([]T, rows*c.targets), make([]bool, rows*c.targets)
			made.Fold(c.how, got, had, c.targets, x, c.features, make([]float32, rows*made.Scratch()))
			for i := range want {
				if got[i] != want[i] || had[i] != has[i] {
					t.Fatalf("%+v, %d rows: score %d is %v %t, want %v %t", c, rows, i, got[i], had[i], want[i], has[i])
				}
			}
		}
	}
}

// TestForest holds the forest against the walk from node to node, bit for bit.
func TestForest(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		t.Run("float32", testForest[float32])
		t.Run("float64", testForest[float64])
	})
}

// TestNoForest: sets, equality, limits in float64 and nodes with several ways to them keep the plain walk.
func TestNoForest(t *testing.T) {
	leaf := []int32{0, 0}
	for name, trees := range map[string]*Trees[float64]{
		"equality":       {Nodes: []TreeNode[float64]{{Mode: TreeEQ, True: ^0, False: ^0}}, Roots: []int32{0}, Leaves: leaf},
		"float64 limit":  {Nodes: []TreeNode[float64]{{Value: 0.1, True: ^0, False: ^0}}, Roots: []int32{0}, Leaves: leaf},
		"below -Inf":     {Nodes: []TreeNode[float64]{{Mode: TreeLT, Value: math.Inf(-1), True: ^0, False: ^0}}, Roots: []int32{0}, Leaves: leaf},
		"NaN to NaN":     {Nodes: []TreeNode[float64]{{Value: math.NaN(), MissingTrue: true, True: ^0, False: ^0}}, Roots: []int32{0}, Leaves: leaf},
		"two ways often": {Nodes: []TreeNode[float64]{{True: 1, False: 1}, {True: 2, False: 2}, {True: 3, False: 3}, {True: ^0, False: ^0}}, Roots: []int32{0}, Leaves: leaf},
	} {
		if trees.Prepare(TreeSum); trees.forest != nil {
			t.Errorf("%s: a forest", name)
		}
	}
}
