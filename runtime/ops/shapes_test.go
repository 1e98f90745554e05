package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// TestShapeArithmetic follows symbols through the chains that exporters write for reshapes.
func TestShapeArithmetic(t *testing.T) {
	sym := func(b *graph.Builder, shape ...graph.Dim) *graph.Value {
		return b.Input("x", graph.TensorType(tensor.Float32, shape...))
	}
	batch, seq := graph.Sym("batch"), graph.Sym("seq")
	axis0 := graph.Int("axis", 0)
	extent := func(b *graph.Builder, x *graph.Value, axis int) *graph.Value {
		return b.Op("Unsqueeze", b.Op("Gather", b.Op("Shape", x), b.Const(tensor.Scalar(int64(axis)))), b.Ints(0))
	}
	for _, c := range []struct {
		name, want string
		build      func(b *graph.Builder) *graph.Value
	}{
		{"split heads", "f32[batch,seq,12,64]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, seq, graph.Size(768))
			return b.Op("Reshape", x, b.Op("Concat", extent(b, x, 0), extent(b, x, 1), b.Ints(12), b.Ints(-1), axis0))
		}},
		{"merge heads", "f32[batch,seq,768]", func(b *graph.Builder) *graph.Value {
			x := b.Op("Transpose", sym(b, batch, graph.Size(12), seq, graph.Size(64)), graph.Ints("perm", 0, 2, 1, 3))
			return b.Op("Reshape", x, b.Op("Concat", extent(b, x, 0), b.Ints(-1, 768), axis0))
		}},
		{"rows and back", "f32[batch,seq,64]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, seq, graph.Size(64))
			y := b.Op("Reshape", x, b.Ints(-1, 64))
			return b.Op("Reshape", y, b.Op("Concat", extent(b, x, 0), b.Ints(-1, 64), axis0))
		}},
		{"one element unknown", "f32[batch,seq,64]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, seq, graph.Size(64))
			n := b.Input("n", graph.TensorType(tensor.Int64, graph.Size(1)))
			return b.Op("Reshape", x, b.Op("Concat", extent(b, x, 0), n, b.Ints(64), axis0))
		}},
		{"slice of a shape", "f32[batch,seq,8,8]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, seq, graph.Size(64))
			return b.Op("Reshape", x, b.Op("Concat", b.Op("Slice", b.Op("Shape", x), b.Ints(0), b.Ints(-1)), b.Ints(8, 8), axis0))
		}},
		{"scalar of one element", "f32[1,seq]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, seq)
			n := b.Op("Squeeze", b.Op("Slice", b.Op("Shape", x), b.Ints(1), b.Ints(2)), b.Ints(0))
			n = b.Op("Reshape", n, b.Ints(-1))
			return b.Op("Expand", b.Const(iota32(1, 1)), b.Op("Concat", b.Ints(1), n, axis0))
		}},
		{"to a symbolic end", "f32[batch,max(seq-1,0)]", func(b *graph.Builder) *graph.Value {
			return b.Op("Slice", sym(b, batch, seq), b.Ints(1), b.Ints(maxInt), b.Ints(1))
		}},
		{"but the last", "f32[batch,max(seq-1,0)]", func(b *graph.Builder) *graph.Value {
			return b.Op("Slice", sym(b, batch, seq), b.Ints(0), b.Ints(-1), b.Ints(1))
		}},
		{"the -1 of expand", "f32[batch,seq,8]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, graph.Size(1), graph.Size(8))
			n := b.Input("y", graph.TensorType(tensor.Float32, seq))
			shape := b.Op("Concat", extent(b, x, 0), extent(b, n, 0), b.Ints(-1), axis0)
			ones := b.Op("ConstantOfShape", b.Op("Shape", shape), graph.TensorAttr("value", tensor.Ints(1)))
			free := b.Op("Equal", shape, b.Op("Mul", ones, b.Const(tensor.Scalar(int64(-1)))))
			return b.Op("Expand", x, b.Op("Where", free, ones, shape))
		}},
		{"rows of a table", "f32[batch,seq,8]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, seq, graph.Size(8))
			rows := b.Op("Slice", b.Const(iota32(1, 64, 8)), b.Ints(0), extent(b, x, 1), b.Ints(1))
			return b.Op("Add", x, rows)
		}},
		{"flipped", "f32[batch,seq]", func(b *graph.Builder) *graph.Value {
			return b.Op("Slice", sym(b, batch, seq), b.Ints(-1), b.Ints(minInt), b.Ints(1), b.Ints(-1))
		}},
		{"whole axis", "f32[batch,seq]", func(b *graph.Builder) *graph.Value {
			x := sym(b, batch, seq)
			return b.Op("Slice", x, b.Ints(0), extent(b, x, 1), b.Ints(1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := graph.NewBuilder(Registry(), nil)
			y := c.build(b)
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			if got := y.Type.String(); got != c.want {
				t.Errorf("type %s, want %s", got, c.want)
			}
		})
	}
}

// TestSliceDim holds the extents of slices of symbolic axes to those of the same slices of all small axes.
func TestSliceDim(t *testing.T) {
	n := graph.Sym("n")
	known := 0
	marks := []int{minInt, -1 << 31, -4, -3, -2, -1, 0, 1, 2, 3, 4, 1<<31 - 1, maxInt}
	for _, step := range []int{-2, -1, 1, 2, 3} {
		for _, start := range marks {
			for _, end := range marks {
				d := sliceDim(n, graph.Size(start), graph.Size(end), step)
				if d.Known() {
					known++
				}
				for size := range 8 {
					got, ok := d.Bind(func(string) (int, bool) { return size, true }).Int()
					if _, want := bounds(size, start, end, step); ok && got != want {
						t.Fatalf("[%d:%d:%d] of n is %s, %d for n = %d, want %d", start, end, step, d, got, size, want)
					}
				}
			}
		}
		for size := range 5 { // a symbolic end
			d := sliceDim(graph.Size(3), graph.Size(0), n, step)
			got, ok := d.Bind(func(string) (int, bool) { return size, true }).Int()
			if _, want := bounds(3, 0, size, step); ok && got != want {
				t.Errorf("[0:n:%d] of 3 is %s, %d for n = %d, want %d", step, d, got, size, want)
			}
		}
	}
	if known < 100 {
		t.Errorf("only %d slices have a symbolic extent", known)
	}
}
