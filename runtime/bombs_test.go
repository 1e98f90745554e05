package runtime_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// A bomb asks for far more memory or time than its size suggests. build makes the graph, whose inputs all get feed.
type bombCase struct {
	name  string
	build func(b *graph.Builder)
	feed  *tensor.Tensor
	slow  bool // ends by its deadline
	fine  bool // large, but not beyond the limits
}

const huge = 1 << 40

// sizes makes the values that bombs are built of: as constants, which inference sees, and as inputs, which only the run knows.
func sizes(name string, feed *tensor.Tensor, build func(b *graph.Builder, n *graph.Value)) []bombCase {
	return []bombCase{
		{name: name + " of a constant", build: func(b *graph.Builder) { build(b, b.Const(feed)) }},
		{name: name + " of an input", feed: feed, build: func(b *graph.Builder) {
			build(b, b.Input("n", graph.TypeOf(feed)))
		}},
	}
}

func bombs() []bombCase {
	one := func(b *graph.Builder) *graph.Value { return b.Const(noise(1, 1)) }
	var all []bombCase
	add := func(c ...bombCase) { all = append(all, c...) }
	add(sizes("ConstantOfShape of 4 GiB", tensor.Ints(1<<30), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("ConstantOfShape", n))
	})...)
	add(sizes("ConstantOfShape beyond an int", tensor.Ints(huge, huge), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("ConstantOfShape", n))
	})...)
	add(sizes("ConstantOfShape of a negative extent", tensor.Ints(-3), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("ConstantOfShape", n))
	})...)
	add(sizes("ConstantOfShape that only its shape is read of", tensor.Ints(huge), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("ReduceSum", b.Op("ConstantOfShape", n)))
	})...)
	add(sizes("Range", tensor.Scalar(int64(huge)), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("Range", b.Scalar(tensor.Int64, 0), n, b.Scalar(tensor.Int64, 1)))
	})...)
	add(sizes("Tile", tensor.Ints(huge), func(b *graph.Builder, n *graph.Value) { b.Output(b.Op("Tile", one(b), n)) })...)
	add(sizes("Expand", tensor.Ints(huge), func(b *graph.Builder, n *graph.Value) { b.Output(b.Op("Expand", one(b), n)) })...)
	add(sizes("Resize", tensor.Ints(1, 1, huge), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("Resize", b.Const(noise(1, 1, 1, 1)), (*graph.Value)(nil), (*graph.Value)(nil), n))
	})...)
	add(sizes("Resize by scales", tensor.Must(tensor.Of([]float32{1, 1, huge})), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("Resize", b.Const(noise(1, 1, 1, 1)), (*graph.Value)(nil), n))
	})...)
	add(sizes("Pad", tensor.Ints(huge, huge), func(b *graph.Builder, n *graph.Value) { b.Output(b.Op("Pad", one(b), n)) })...)
	add(sizes("OneHot", tensor.Scalar(int64(huge)), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("OneHot", b.Ints(1), n, b.Const(noise(1, 2))))
	})...)
	add(sizes("EyeLike", tensor.Ints(1<<20, 1<<20), func(b *graph.Builder, n *graph.Value) {
		b.Output(b.Op("EyeLike", b.Op("ConstantOfShape", n)))
	})...)
	for _, name := range []string{"Concat", "Add"} { // of a value with itself: 2^40 elements, or a row against a column
		feed := noise(1, 64)
		add(sizes(name+" that doubles", feed, func(b *graph.Builder, v *graph.Value) {
			for range 34 {
				if name == "Concat" {
					v = b.Op("Concat", v, v, graph.Int("axis", 0))
					continue
				}
				v = b.Op("Reshape", b.Op("Add", b.Op("Reshape", v, b.Ints(1, -1)), b.Op("Reshape", v, b.Ints(-1, 1))), b.Ints(-1))
			}
			b.Output(v)
		})...)
	}
	add(bombCase{name: "Concat of 64 doublings whose shape is read", feed: noise(1, 3), build: func(b *graph.Builder) {
		v := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("n")))
		for range 64 {
			v = b.Op("Concat", v, v, graph.Int("axis", 0))
		}
		b.Output(b.Op("Shape", v))
		b.Output(b.Op("ReduceSum", v))
	}})
	for k := range 4 {
		collects, exits := k%2 == 1, k > 1
		name := "Loop of 2^62"
		if collects {
			name += " that collects"
		}
		if exits {
			name += " and could stop earlier"
		}
		add(bombCase{name: name, slow: true, feed: tensor.Scalar(int64(1 << 62)), build: func(b *graph.Builder) {
			body := &graph.Graph{Name: "body"}
			inner := b.Sub(body)
			inner.Input("i", graph.TensorType(tensor.Int64))
			cond := inner.Input("c", graph.TensorType(tensor.Bool))
			x := inner.Input("carried", graph.TensorType(tensor.Float32, graph.Size(1000)))
			next := inner.Op("Neg", x)
			if exits {
				cond = inner.Op("Less", inner.Op("ReduceMax", next, graph.Int("keepdims", 0)), inner.Scalar(tensor.Float32, 1e9))
			}
			inner.Output(inner.Op("Identity", cond))
			inner.Output(next)
			inner.Output(inner.Op("Abs", next))
			b.Fail(inner.Err())
			n := b.Input("n", graph.TensorType(tensor.Int64))
			out := b.OpN(2, "Loop", n, b.Const(tensor.Scalar(true)), b.Const(noise(1, 1000)), graph.GraphAttr("body", body))
			b.Output(out[0])
			if collects {
				b.Output(out[1])
			} else if node := b.Graph.Nodes[len(b.Graph.Nodes)-1]; b.Err() == nil {
				node.Out = node.Out[:1]
			}
		}})
	}
	add(bombCase{name: "nested If", fine: true, feed: tensor.Scalar(true), build: func(b *graph.Builder) {
		cond := b.Input("c", graph.TensorType(tensor.Bool))
		b.Output(nestedIf(b, cond, 60))
	}})
	add(bombCase{name: "function that calls itself", build: func(b *graph.Builder) {
		f := function("f0", "f0", 1)
		b.Graph.Functions = []*graph.Function{f}
		call(b, "f0")
	}})
	add(bombCase{name: "functions that call each other", build: func(b *graph.Builder) {
		b.Graph.Functions = []*graph.Function{function("f0", "f1", 1), function("f1", "f2", 1), function("f2", "f0", 1)}
		call(b, "f0")
	}})
	add(bombCase{name: "functions that double", build: func(b *graph.Builder) {
		b.Graph.Functions = []*graph.Function{function("f40", "", 2)}
		for i := range 40 {
			b.Graph.Functions = append(b.Graph.Functions, function(name(i), name(i+1), 2))
		}
		call(b, "f0")
	}})
	return all
}

// TestMaxLoopIters holds loops to the limit of their iterations.
func TestMaxLoopIters(t *testing.T) {
	for _, c := range []struct {
		trips int64
		err   error
	}{{99, nil}, {100, nil}, {101, graph.ErrLimit}} {
		b := graph.NewBuilder(ops.Registry(), nil)
		body := &graph.Graph{Name: "body"}
		s := b.Sub(body)
		s.Input("i", graph.TensorType(tensor.Int64))
		cond := s.Input("c", graph.TensorType(tensor.Bool))
		x := s.Input("carried", graph.TensorType(tensor.Float32, graph.Size(3)))
		s.Output(s.Op("Identity", cond))
		s.Output(s.Op("Neg", x))
		n := b.Input("n", graph.TensorType(tensor.Int64))
		b.Output(b.Op("Loop", n, b.Const(tensor.Scalar(true)), b.Const(noise(1, 3)), graph.GraphAttr("body", body)))
		if b.Err() != nil || s.Err() != nil {
			t.Fatal(b.Err(), s.Err())
		}
		session := compile(t, b.Graph, runtime.WithLimits(runtime.Limits{MaxLoopIters: 100}))
		for range 2 { // the count starts again with each run
			if _, err := session.Run(context.Background(), map[string]*tensor.Tensor{"n": tensor.Scalar(c.trips)}); !errors.Is(err, c.err) {
				t.Errorf("%d iterations, of which 100 are allowed, give %v", c.trips, err)
			}
		}
	}
}

// nestedIf is an If within an If and so on, where both branches read the condition and the inner ones.
func nestedIf(b *graph.Builder, cond *graph.Value, depth int) *graph.Value {
	branch := func() *graph.Graph {
		g := &graph.Graph{Name: "branch"}
		s := b.Sub(g)
		if depth == 0 {
			s.Output(s.Op("Not", cond))
		} else {
			s.Output(nestedIf(s, cond, depth-1))
		}
		b.Fail(s.Err())
		return g
	}
	other := &graph.Graph{Name: "other"}
	s := b.Sub(other)
	s.Output(s.Op("Identity", cond))
	return b.Op("If", cond, graph.GraphAttr("then_branch", branch()), graph.GraphAttr("else_branch", other))
}

func name(i int) string { return "f" + string(rune('0'+i/10)) + string(rune('0'+i%10)) }

// function is one whose body calls another the given number of times, one after the other; "" stands for Neg.
func function(name, calls string, times int) *graph.Function {
	x := &graph.Value{Name: "x"}
	body := &graph.Graph{Inputs: []*graph.Value{x}, Opsets: map[string]int{"": 20, "test": 1}}
	for range times {
		n := &graph.Node{Op: &graph.Op{Domain: "test", Name: calls}, In: []*graph.Value{x}}
		if calls == "" {
			n.Op = &graph.Op{Name: "Neg"}
		}
		x = &graph.Value{Name: x.Name + "x", Def: n}
		n.Out = []*graph.Value{x}
		body.Nodes = append(body.Nodes, n)
	}
	body.Outputs = []*graph.Value{x}
	return &graph.Function{Domain: "test", Name: name, Body: body}
}

func call(b *graph.Builder, function string) {
	n := &graph.Node{Op: &graph.Op{Domain: "test", Name: function}, In: []*graph.Value{b.Const(noise(1, 3))}}
	v := &graph.Value{Name: "y", Def: n}
	n.Out = []*graph.Value{v}
	b.Graph.Opsets = map[string]int{"": 20, "test": 1}
	b.Graph.Nodes = append(b.Graph.Nodes, n)
	b.Output(v)
}

// TestBombs asks for a typed error within a second and 300 MB from models that ask for 2^40 elements, 2^62 iterations and the like.
func TestBombs(t *testing.T) {
	for _, c := range bombs() {
		t.Run(c.name, func(t *testing.T) {
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			start := time.Now()
			err := explode(c)
			took := time.Since(start)
			goruntime.ReadMemStats(&after)
			t.Logf("%v, %d MB: %v", took.Round(time.Microsecond), (after.TotalAlloc-before.TotalAlloc)>>20, err)
			switch {
			case c.fine:
				if err != nil {
					t.Errorf("fails: %v", err)
				}
			case c.slow && errors.Is(err, context.DeadlineExceeded):
			case !errors.Is(err, graph.ErrLimit) && !errors.Is(err, graph.ErrShape) && !errors.Is(err, graph.ErrInvalid):
				t.Errorf("error of no kind, or none: %v", err)
			}
			if most := time.Second; took > most && !c.slow || took > 3*most {
				t.Errorf("takes %v", took)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 300e6 && !c.slow {
				t.Errorf("allocates %d MB", n>>20)
			}
			if c.slow { // a loop makes garbage as long as it may, but must leave nothing behind
				goruntime.GC()
				goruntime.ReadMemStats(&after)
				if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 16e6 {
					t.Errorf("holds %d MB", n>>20)
				}
			}
		})
	}
}

func explode(c bombCase) error {
	b := graph.NewBuilder(ops.Registry(), nil)
	c.build(b)
	if b.Err() != nil {
		return b.Err()
	}
	s, err := runtime.Compile(b.Graph, runtime.WithLimits(runtime.Limits{MaxPeakBytes: 256 << 20}))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	feeds := map[string]*tensor.Tensor{}
	for _, v := range s.Inputs() {
		feeds[v.Name] = c.feed
	}
	_, err = s.Run(ctx, feeds)
	return err
}
