package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestEinsum(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	row := func(eq string, in []*tensor.Tensor, want *tensor.Tensor) optest.Case {
		return optest.Case{Name: eq, In: in, Attrs: []graph.Attr{graph.Str("equation", eq)}, Want: ts(want)}
	}
	bad := func(eq string, kind error, text string, in ...*tensor.Tensor) optest.Case {
		return optest.Case{Name: eq, In: in, Attrs: []graph.Attr{graph.Str("equation", eq)}, Err: kind, Text: text}
	}
	none := []int{}
	optest.Run(t, Registry(), "Einsum", []optest.Case{
		// numpy.einsum of numpy.arange in the given shapes
		row("ij->ji", ts(count(2, 3)), f32([]float32{0, 3, 1, 4, 2, 5}, 3, 2)),
		row("ij->i", ts(count(2, 3)), f32([]float32{3, 12}, 2)),
		row("ii", ts(count(3, 3)), f32([]float32{12}, none...)),
		row("ii->i", ts(count(3, 3)), f32([]float32{0, 4, 8}, 3)),
		row("b...ii -> b...i", ts(count(2, 1, 2, 2)), f32([]float32{0, 3, 4, 7}, 2, 1, 2)),
		row("ij,jk", ts(count(2, 3), count(3, 2)), f32([]float32{10, 13, 28, 40}, 2, 2)),
		row("bij,bkj->bik", ts(count(2, 1, 2), count(2, 2, 2)), f32([]float32{1, 3, 23, 33}, 2, 1, 2)),
		row("i,i", ts(count(3), count(3)), f32([]float32{5}, none...)),
		row("i,i->i", ts(count(3), count(3)), f32([]float32{0, 1, 4}, 3)),
		row("i,j->ij", ts(count(2), count(3)), f32([]float32{0, 0, 0, 0, 1, 2}, 2, 3)),
		row("...ij,jk->...ik", ts(count(2, 1, 2), count(2, 1)), f32([]float32{1, 3}, 2, 1, 1)),
		row("...i,...i", ts(count(2, 1, 2), count(3, 2)), f32([]float32{1, 3, 5, 3, 13, 23}, 2, 3)),
		row("ij,jk,kl->il", ts(count(2, 2), count(2, 2), count(2, 1)), f32([]float32{3, 11}, 2, 1)),
		row("ij,k->i", ts(count(2, 2), count(3)), f32([]float32{3, 15}, 2)),
		row("ij,ij->", ts(count(1, 3), count(2, 3)), f32([]float32{5 + 14}, none...)),
		row("...i->...", ts(count(2, 3)), f32([]float32{3, 12}, 2)),
		row("->", ts(f32([]float32{2}, none...)), f32([]float32{2}, none...)),
		row("ij,jk->ik", ts(i64([]int64{1 << 40, 1}, 1, 2), i64([]int64{1 << 20, -1}, 2, 1)), i64([]int64{1<<60 - 1}, 1, 1)),
		row("ab,bc->ac", ts(f32(nil, 2, 0), f32(nil, 0, 1)), f32([]float32{0, 0}, 2, 1)),
		row("ab->b", ts(f32(nil, 0, 2)), f32([]float32{0, 0}, 2)),
		row("ab->a", ts(f32(nil, 0, 2)), f32(nil, 0)),
		bad("ij,jk->ik", graph.ErrShape, "extents 3 and 2", count(2, 3), count(2, 3)),
		bad("ij->ik", graph.ErrInvalid, "output label", count(2, 3)),
		bad("i.j", graph.ErrInvalid, "term", count(2, 3)),
		bad("ijk", graph.ErrShape, "rank 2", count(2, 3)),
		bad("i,j", graph.ErrInvalid, "2 terms", count(2)),
	})
}
