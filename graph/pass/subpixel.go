package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// SubPixel writes a ConvTranspose of weights of known extents as convolutions with its input: for each row and column of the output modulo the strides, those
// weights that reach it are the kernel of one. DepthToSpace puts their results into one another (https://arxiv.org/abs/1609.07009). Where all
// of them look at the same pixels, as with kernels as large as the strides, they are one convolution. Constant weights stay constants.
func SubPixel(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed, err := rewrite(reg, g, []rule{{parse("ConvTranspose(x, w, _)"), subPixel}})
	if changed && err == nil {
		_, err = Fold(reg, g)
	}
	return changed, err
}

// phase is one output position modulo the stride, on one axis: a convolution with every stride-th weight.
type phase struct {
	first, taps int // weights first, first + stride, …, in reverse order
	head, tail  int // padding
}

// maxPhases bounds the convolutions that one ConvTranspose becomes.
const maxPhases = 16

// phases are the convolutions along an axis, none where they cannot be of equal size or would need to crop the input. With q = o + head and
// r = q mod stride, output o is the sum over t of weight r + stride·t times input ⌊q/stride⌋ - t.
func phases(kernel, stride, head, tail, extra int) []phase {
	rest := kernel + extra - head - tail
	if stride < 1 || stride > maxPhases || stride > kernel || rest%stride != 0 {
		return nil
	}
	list := make([]phase, stride)
	for o := range list {
		q := o + head
		p := phase{first: q % stride}
		p.taps = (kernel - p.first + stride - 1) / stride
		p.head = p.taps - 1 - q/stride
		p.tail = rest/stride - 1 - p.head + p.taps - 1
		if p.head < 0 || p.tail < 0 {
			return nil
		}
		list[o] = p
	}
	return list
}

// alike reports whether all phases see the same pixels.
func alike(list []phase) bool {
	for _, p := range list {
		if p.taps != list[0].taps || p.head != list[0].head {
			return false
		}
	}
	return true
}

func subPixel(b *graph.Builder, m *match) *graph.Value {
	n, x, w := m.root, m.val("x"), m.val("w")
	group := n.Int("group")
	s, ok := w.Type.Static()
	if !ok || w.Type.DType != tensor.Float32 || len(s) != 4 || tensor.Shape(s).Elems() == 0 || x.Type.Rank() != 4 || group < 1 || s[0]%group != 0 || len(n.Ints("output_shape")) > 0 {
		return nil
	}
	if auto := n.Str("auto_pad"); auto != "" && auto != "NOTSET" {
		return nil
	}
	attr := func(name string, i, otherwise int) int {
		if v := n.Ints(name); i < len(v) {
			return int(v[i])
		}
		return otherwise
	}
	if s[2] == 1 && s[3] == 1 {
		if y := spreadPixels(b, n, group); y != nil {
			return y
		}
	}
	stride := attr("strides", 0, 1)
	rows := phases(s[2], stride, attr("pads", 0, 0), attr("pads", 2, 0), attr("output_padding", 0, 0))
	cols := phases(s[3], stride, attr("pads", 1, 0), attr("pads", 3, 0), attr("output_padding", 1, 0))
	if rows == nil || cols == nil || len(rows)*len(cols) > maxPhases || attr("strides", 1, 1) != stride || attr("dilations", 0, 1) != 1 || attr("dilations", 1, 1) != 1 {
		return nil
	}
	var bias *graph.Value
	if n.Has(2) {
		bias = n.In[2]
	}
	if stride > 1 && group == 1 && alike(rows) && alike(cols) {
		kernels := []graph.Arg{graph.Int("axis", 0)}
		var biases []graph.Arg
		for _, r := range rows {
			for _, c := range cols {
				kernels = append(kernels, phaseWeights(b, w, group, stride, r, c))
				biases = append(biases, bias)
			}
		}
		if bias != nil && bias.Const != nil {
			bias = b.Const(repeat(bias.Const, len(biases)))
		} else if bias != nil {
			bias = b.Op("Concat", append(biases, graph.Int("axis", 0))...)
		}
		y := phaseConv(b, x, bias, b.Op("Concat", kernels...), group, rows[0], cols[0])
		return b.Op("DepthToSpace", y, graph.Int("blocksize", stride))
	}
	var parts []graph.Arg
	for _, r := range rows {
		for _, c := range cols {
			parts = append(parts, phaseConv(b, x, bias, phaseWeights(b, w, group, stride, r, c), group, r, c))
		}
	}
	if len(parts) == 1 {
		return parts[0].(*graph.Value)
	}
	return b.Op("DepthToSpace", b.Op("Concat", append(parts, graph.Int("axis", 1))...), graph.Int("blocksize", stride))
}

// spreadPixels writes a ConvTranspose of single weights, such as the gradient of a convolution that leaves pixels out, as a convolution whose results are moved
// apart, with zeros in between. nil where that is not what it does.
func spreadPixels(b *graph.Builder, n *graph.Node, group int) *graph.Value {
	x, strides := n.In[0], n.Ints("strides")
	if n.Has(2) || len(strides) != 2 || max(strides[0], strides[1]) < 2 || slices.ContainsFunc(n.Ints("pads"), func(p int64) bool { return p != 0 }) {
		return nil
	}
	zeros, size, cut := make([]int, 12), []int{0, 0, 0, 0}, false
	var ends []int
	for i, stride := range strides {
		in, ok := x.Type.Shape[2+i].Int()
		extra := 0
		if v := n.Ints("output_padding"); i < len(v) {
			extra = int(v[i])
		}
		if !ok || in < 1 || extra >= int(stride) {
			return nil
		}
		zeros[6+3+2*i] = int(stride) - 1
		size[2+i] = in * int(stride)
		ends = append(ends, (in-1)*int(stride)+1+extra)
		cut = cut || ends[i] != size[2+i]
	}
	one := phase{taps: 1}
	y := phaseConv(b, x, nil, phaseWeights(b, n.In[1], group, 1, one, one), group, one, one)
	y = b.Op("Reshape", b.Op("Pad", b.Op("Unsqueeze", y, b.Ints(3, 5)), b.Ints(zeros...)), b.Ints(size...))
	if cut {
		y = b.Op("Slice", y, b.Ints(0, 0), b.Ints(ends...), b.Ints(2, 3))
	}
	return y
}

// phaseWeights are the weights [M, C/group, rows, columns] of one phase, out of W [C, M/group, kH, kW].
func phaseWeights(b *graph.Builder, w *graph.Value, group, stride int, r, c phase) *graph.Value {
	return b.Op(private+"::PhaseWeights", w, graph.Int("group", group), graph.Int("stride", stride),
		graph.Ints("first", int64(r.first), int64(c.first)), graph.Ints("taps", int64(r.taps), int64(c.taps)))
}

func phaseConv(b *graph.Builder, x, bias, weights *graph.Value, group int, r, c phase) *graph.Value {
	return b.Op("Conv", x, weights, bias, graph.Int("group", group), graph.Ints("kernel_shape", int64(r.taps), int64(c.taps)),
		graph.Ints("pads", int64(r.head), int64(c.head), int64(r.tail), int64(c.tail)))
}

// repeat is the vector v, n times.
func repeat(v *tensor.Tensor, n int) *tensor.Tensor {
	var all []float32
	for range n {
		all = append(all, tensor.Data[float32](v)...)
	}
	return tensor.Must(tensor.Of(all, len(all)))
}
