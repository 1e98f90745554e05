package onnx

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// tight are limits under which a fuzzer may run for long.
var tight = WithLimits(Limits{MaxModelBytes: 1 << 20, MaxNodes: 10000, MaxDepth: 60, MaxTensorBytes: 1 << 20})

func typed(t *testing.T, err error) {
	var e *graph.FormatError
	if !errors.As(err, &e) || !errors.Is(err, graph.ErrInvalid) && !errors.Is(err, graph.ErrLimit) {
		t.Errorf("error of no kind: %v", err)
	}
}

// checkLoad loads what may be anything; what loads must save, and load again as the same.
func checkLoad(t *testing.T, b []byte) {
	g, err := LoadBytes(b, tight)
	if err != nil {
		typed(t, err)
		return
	}
	out, err := Marshal(g)
	if err != nil {
		t.Fatalf("saving: %v", err)
	}
	back, err := LoadBytes(out)
	if err != nil {
		t.Fatalf("loading again: %v", err)
	}
	if again, err := Marshal(back); err != nil || !bytes.Equal(out, again) {
		t.Fatalf("saved twice, differently: %v", err)
	}
	rebuild(t, "rebuilt", g)
}

func FuzzLoad(f *testing.F) {
	f.Add(encoded(f, rich()))
	f.Add(encoded(f, modelOf(&pb.GraphProto{Input: infos("x"), Output: infos("y"), Node: []*pb.NodeProto{node("z = Neg(y)"), node("y = Abs(x)")}})))
	m, _ := withExternal()
	f.Add(encoded(f, m))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) { checkLoad(t, b) })
}

func FuzzTensor(f *testing.F) {
	seq := tensor.Must(tensor.OfElems(tensor.Sequence, tensor.Ints(1, 2)))
	keys := tensor.Must(tensor.OfStrings([]string{"a", "b"}))
	for _, x := range []*tensor.Tensor{tensor.Ints(1, 2), keys, seq, tensor.Must(tensor.OfElems(tensor.Optional, seq)),
		tensor.Must(tensor.OfElems(tensor.Map, keys, tensor.Ints(3, 4)))} {
		b, err := WriteTensor("x", x)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(encoded(f, &pb.TensorProto{DataType: ptr(int32(tensor.Int4)), Dims: []int64{3}, Int32Data: []int32{0x21, 3}}))
	f.Add(encoded(f, floats("w", 1, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range []tensor.DType{tensor.Invalid, tensor.Sequence, tensor.Optional, tensor.Map, tensor.Float32} {
			name, x, err := ReadTensor(b, graph.Type{DType: d}, tight)
			if err != nil {
				typed(t, err)
				continue
			}
			out, err := WriteTensor(name, x)
			if err != nil {
				typed(t, err)
				continue
			}
			if _, y, err := ReadTensor(out, graph.Type{DType: x.DType()}); err != nil || !sameTensor(x, y) {
				t.Errorf("%s became %s, %v", x, y, err)
			}
		}
	})
}

// TestMutants does a little of what fuzzing does, always in the same way.
func TestMutants(t *testing.T) {
	b := encoded(t, rich())
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		m := bytes.Clone(b)
		for range 1 + r.IntN(4) {
			switch i := r.IntN(len(m)); r.IntN(4) {
			case 0:
				m[i] = byte(r.Uint32())
			case 1:
				m[i] ^= 1 << r.IntN(8)
			case 2:
				m = m[:max(i, 1)]
			default:
				j := r.IntN(len(m))
				copy(m[i:], bytes.Clone(m[j:min(len(m), j+r.IntN(20))]))
			}
		}
		checkLoad(t, m)
	}
}

// nested puts b into n messages, in the fields of the numbers in turn.
func nested(b []byte, n int, fields ...byte) []byte {
	// Written from the inside out, at the end of a buffer.
	size := len(b)
	buf := make([]byte, len(b)+n*7)
	copy(buf[len(buf)-size:], b)
	for i := range n {
		var head []byte
		for v := size; ; v >>= 7 {
			if v < 128 {
				head = append(head, byte(v))
				break
			}
			head = append(head, byte(v)|128)
		}
		head = append([]byte{fields[i%len(fields)]<<3 | 2}, head...)
		size += len(head)
		copy(buf[len(buf)-size:], head)
	}
	return buf[len(buf)-size:]
}

// TestBombs wants a quick error, before much is allocated, for files that would take gigabytes or overflow the stack.
func TestBombs(t *testing.T) {
	empty := func(n int, field byte) []byte { return bytes.Repeat([]byte{field<<3 | 2, 0}, n) }
	groups := bytes.Repeat([]byte{100<<3&0x78 | 3}, 1<<20)
	for name, c := range map[string]struct {
		b    []byte
		kind error
	}{
		"deep graphs":     {nested(nested(nil, 3<<18, 6, 5, 1), 1, 7), graph.ErrLimit},
		"deep types":      {nested(nested(nil, 1<<20, 1, 4), 3, 2, 11, 7), graph.ErrLimit},
		"deep groups":     {groups, graph.ErrLimit},
		"many nodes":      {nested(empty(5<<20, 1), 1, 7), graph.ErrLimit},
		"many inputs":     {nested(empty(5<<20, 11), 1, 7), graph.ErrLimit},
		"many tensors":    {nested(empty(5<<20, 5), 1, 7), graph.ErrLimit},
		"many attributes": {nested(nested(empty(5<<20, 5), 1, 1), 1, 7), graph.ErrLimit},
		"many names":      {nested(nested(empty(5<<20, 1), 1, 1), 1, 7), graph.ErrLimit},
		"many opsets":     {empty(5<<20, 8), graph.ErrLimit},
		"not the end":     {[]byte{7<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f}, graph.ErrInvalid},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := LoadBytes(c.b)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
		typed(t, err)
		if mb := (int64(after.Sys) - int64(before.Sys)) >> 20; took > time.Second || mb > 300 {
			t.Errorf("%s: %v, %d MB", name, took, mb)
		}
	}
	_, _, err := ReadTensor(nested(nil, 1<<20, 5), graph.Type{DType: tensor.Sequence})
	typed(t, err)
	// A chain of nodes in reverse order is sorted without recursion.
	g := &pb.GraphProto{Output: infos("y")}
	for range 200000 {
		g.Node = append(g.Node, &pb.NodeProto{OpType: ptr("A"), Input: []string{""}, Output: []string{""}})
	}
	start := time.Now()
	names := make([]string, len(g.Node)+1)
	for i := range names {
		names[i] = string(le(uint32(i)))
	}
	for i, n := range g.Node {
		n.Input[0], n.Output[0] = names[i+1], names[i]
	}
	g.Input = []*pb.ValueInfoProto{{Name: &names[len(g.Node)]}}
	g.Output = []*pb.ValueInfoProto{{Name: &names[0]}}
	if _, err := LoadBytes(encoded(t, modelOf(g))); err != nil || time.Since(start) > 3*time.Second {
		t.Errorf("a long chain: %v in %v", err, time.Since(start))
	}
}
