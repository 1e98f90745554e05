package pass

import "github.com/onnxrun/onnxrun/graph"

// FuseScale multiplies the columns of a constant matrix by what its product is multiplied by, as LayerScale does after its projection
// (https://arxiv.org/abs/2103.17239). Folding computes the new matrix, within its limits; it comes at once, for what looks for constant matrices.
func FuseScale(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed, err := rewrite(reg, g, scaleRules)
	if !changed || err != nil {
		return changed, err
	}
	_, err = Fold(reg, g)
	return true, err
}

var scaleRules = []rule{
	{parse("Mul(MatMul(x, @w), @s)"), scaleColumns},
	{parse("Mul(Add(p=MatMul(x, @w), @b), @s)"), scaleColumns},
}

func scaleColumns(b *graph.Builder, m *match) *graph.Value {
	x, w, s := m.val("x"), m.val("w"), m.val("s")
	if w.Const.Rank() != 2 || x.Type.Rank() < 2 || !x.Type.DType.IsFloat() {
		return nil
	}
	n := w.Const.Dim(1)
	row := func(v *graph.Value) *graph.Value { // v as a vector of n numbers or of one
		if v.Const.Len() != 1 && (v.Const.Len() != n || v.Const.Dim(v.Const.Rank()-1) != n) {
			return nil
		}
		return b.Op("Reshape", v, b.Ints(-1))
	}
	if s = row(s); s == nil {
		return nil
	}
	y := b.Op("MatMul", x, b.Op("Mul", w, s))
	if c := m.val("b"); c != nil {
		if c = row(c); c == nil {
			return nil
		}
		y = b.Op("Add", y, b.Op("Mul", c, s))
	}
	return y
}
