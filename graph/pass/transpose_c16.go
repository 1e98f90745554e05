package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// TransposeC16 brings blocks of 16 channels to channels that lie behind one another, [N, H, W, C], and back, by moving whole blocks. It comes
// after C16, and C must be a multiple of 16.
func TransposeC16(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return rewrite(reg, g, transposeC16Rules)
}

var (
	toNHWC            = []int{0, 2, 3, 1}
	transposeC16Rules = []rule{
		{parse("t=Transpose(&ai.onnxrun::UnblockC16(x))"), func(b *graph.Builder, m *match) *graph.Value {
			perm, ok := permutation(m.root)
			shape, fits := nhwcShape(m.root.Out[0].Type)
			if !ok || !fits || !slices.Equal(perm, toNHWC) {
				return nil
			}
			return b.Op("Reshape", b.Op("Transpose", m.val("x"), graph.Ints("perm", 0, 2, 3, 1, 4)), b.Ints(shape...))
		}},
		{parse("ai.onnxrun::BlockC16(&t=Transpose(x))"), func(b *graph.Builder, m *match) *graph.Value {
			perm, ok := permutation(m.node("t"))
			shape, fits := nhwcShape(m.val("x").Type)
			if !ok || !fits || !slices.Equal(inverse(perm), toNHWC) {
				return nil
			}
			c := shape[3] / 16
			return b.Op("Transpose", b.Op("Reshape", m.val("x"), b.Ints(append(shape[:3], c, 16)...)), graph.Ints("perm", 0, 3, 1, 2, 4))
		}},
	}
)

// nhwcShape is a target to reshape to [N, H, W, C]: sizes with at most one -1, and a C that is whole blocks.
func nhwcShape(t graph.Type) ([]int, bool) {
	if t.Rank() != 4 {
		return nil, false
	}
	shape, open := make([]int, 4), 0
	for i, d := range t.Shape {
		n, ok := d.Int()
		if shape[i] = n; !ok {
			shape[i] = -1
			open++
		} else if n <= 0 {
			return nil, false
		}
	}
	return shape, open <= 1 && shape[3] > 0 && shape[3]%16 == 0
}
