package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// resizeAxis maps positions along one axis. Scales are kept as den/num, which is exact when sizes were asked for.
type resizeAxis struct {
	in, out    int
	num, den   float64
	width      float64 // in·scale, which is out when sizes were asked for
	start, end float64 // roi
	mode       string
}

// position is where in the input the output o looks (https://onnx.ai/onnx/operators/onnx__Resize.html).
func (r *resizeAxis) position(o int) float64 {
	x, l := float64(o), float64(r.in)
	switch r.mode {
	case "asymmetric":
		return x * r.num / r.den
	case "tf_half_pixel_for_nn":
		return (x + .5) * r.num / r.den
	case "half_pixel_symmetric": // centres the input on the part of the output that floor left
		return l/2*(1-float64(r.out)/r.width) + (x+.5)*r.num/r.den - .5
	case "pytorch_half_pixel":
		if r.out <= 1 {
			return 0
		}
	case "align_corners":
		if r.out <= 1 || r.width == 1 {
			return 0
		}
		return x * (l - 1) / (r.width - 1)
	case "tf_crop_and_resize":
		if r.out <= 1 {
			return (r.start + r.end) / 2 * (l - 1)
		}
		return r.start*(l-1) + x*(r.end-r.start)*(l-1)/float64(r.out-1)
	}
	return (x+.5)*r.num/r.den - .5
}

// outside reports whether a position gets the extrapolation value.
func (r *resizeAxis) outside(x float64) bool {
	return r.mode == "tf_crop_and_resize" && !(x >= 0 && x <= float64(r.in-1))
}

// still reports whether every output is the input at the same place.
func (r *resizeAxis) still() bool {
	return r.in == r.out && (r.in == 0 || r.position(0) == 0 && r.position(r.in-1) == float64(r.in-1))
}

// resizeMap is all axes of a resize.
type resizeMap struct {
	rank int
	axis [16]resizeAxis
}

// readResize finds the axes of a run from shape x to y, as it was inferred.
func readResize(c *graph.Ctx, x, y tensor.Shape) (m resizeMap, err error) {
	n := c.Node
	var list [16]int
	count, err := resizeAxes(n, len(x), &list)
	if err != nil {
		return m, err
	}
	roi, scales, sizes := resizeInputs(n, func(i int) bool { return c.In[i] == nil || c.In[i].Len() == 0 })
	mode := n.Str("coordinate_transformation_mode")
	if n.Op.Since < 11 && n.Op.Domain == "" {
		mode = "asymmetric"
	}
	m.rank = len(x)
	for i, d := range x {
		if d > 1<<31-1 || y[i] > 1<<31-1 {
			return m, graph.Limitf("resize of %v to %v", x, y)
		}
		m.axis[i] = resizeAxis{in: d, out: y[i], num: 1, den: 1, width: float64(d), end: 1}
	}
	num, den := 0, 0 // the common ratio of axes that keep their aspect, size over extent
	policy := n.Str("keep_aspect_ratio_policy")
	for i, a := range list[:count] {
		r := &m.axis[a]
		r.mode = mode
		switch {
		case scales > 0 && c.In[scales].Len() == count:
			r.den = c.In[scales].Float(i)
			r.width = float64(r.in) * r.den
		case sizes > 0 && c.In[sizes].Len() == count:
			r.num, r.den, r.width = float64(r.in), float64(r.out), float64(r.out)
			size := int(c.In[sizes].Float(i))
			if den == 0 || (float64(size)/float64(r.in) < float64(num)/float64(den)) == (policy == "not_larger") {
				num, den = size, r.in
			}
		default:
			return m, graph.Shapef("resize of %v by neither scales nor sizes of %d axes", x, count)
		}
		if roi > 0 && c.In[roi].Len() == 2*count {
			r.start, r.end = c.In[roi].Float(i), c.In[roi].Float(count+i)
		}
	}
	if sizes > 0 && policy != "" && policy != "stretch" {
		for _, a := range list[:count] {
			r := &m.axis[a]
			r.num, r.den = float64(den), float64(num)
			r.width = float64(r.in) * float64(num) / float64(den)
		}
	}
	return m, nil
}

// resizeWeights are the weights of the neighbours of a position.
type resizeWeights struct {
	cubic, exclude bool
	a              float64 // coefficient of the cubic convolution kernel
	scale          float64 // at most 1; below it the kernel is stretched by 1/scale (antialias)
}

func weightsOf(n *graph.Node) resizeWeights {
	return resizeWeights{cubic: n.Str("mode") == "cubic", exclude: n.Bool("exclude_outside"), a: float64(n.Float("cubic_coeff_a"))}
}

func (w *resizeWeights) at(d float64) float64 {
	d = math.Abs(d * w.scale)
	switch {
	case !w.cubic:
		return max(0, 1-d)
	case d <= 1: // Keys, "Cubic convolution interpolation for digital image processing", 1981
		return ((w.a+2)*d-(w.a+3))*d*d + 1
	case d < 2:
		return ((w.a*d-5*w.a)*d+8*w.a)*d - 4*w.a
	}
	return 0
}

// first is the offset of the first neighbour from the element left of a position, and count how many there are.
func (w *resizeWeights) first() (first, count int) {
	reach := 1.0
	if w.cubic {
		reach = 2
	}
	first = int(math.Floor(-reach/w.scale)) + 1
	return first, 2 - 2*first
}

// resizeTaps computes the taps of an axis into scratch memory.
func resizeTaps[T float32 | float64](c *graph.Ctx, r *resizeAxis, w resizeWeights) (t kernel.Taps[T], err error) {
	w.scale = 1
	if c.Node.Bool("antialias") {
		w.scale = min(1, r.den/r.num)
		if !(w.scale*float64(r.in) > .25) { // an output is at least one element, so the support is at most a few times the axis
			return t, graph.Shapef("antialiasing of an axis of %d by %v", r.in, w.scale)
		}
	}
	first, n := w.first()
	if r.out > 1<<40/n {
		return t, graph.Limitf("%d neighbours of %d outputs", n, r.out)
	}
	t.N = n
	if t.Index, err = graph.Scratch[int32](c, r.out*n); err != nil {
		return t, err
	}
	if t.Weight, err = graph.Scratch[T](c, r.out*n); err != nil {
		return t, err
	}
	for o := range r.out {
		x := r.position(o)
		index, weight := t.Index[o*n:][:n], t.Weight[o*n:][:n]
		if r.outside(x) {
			index[0] = -1
			continue
		}
		x = min(max(x, -float64(n)-1), float64(r.in+n)) // farther out nothing changes
		left := math.Floor(x)
		sum := 0.0
		for k := range n {
			i := int(left) + first + k
			v := w.at(float64(i) - x)
			if w.exclude && (i < 0 || i >= r.in) {
				v = 0
			}
			sum += v
			index[k], weight[k] = int32(min(max(i, 0), r.in-1)), T(v)
		}
		if sum == 0 { // all neighbours are outside
			weight[0], sum = 1, 1
		}
		if w.exclude || w.scale < 1 {
			for k := range weight {
				weight[k] = T(float64(weight[k]) / sum)
			}
		}
	}
	return t, nil
}
