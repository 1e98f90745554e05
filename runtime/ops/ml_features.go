package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Scaler is (x − offset)·scale, where offset and scale are one number each or one for each index of the last axis.
var scaler = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "Scaler", Since: 1,
	Sig:   "(X:T) -> (Y:f32); T = f32 f64 i32 i64; offset floats; scale floats",
	Infer: inferScaler, Run: runScaler,
})

// inferFloat32 gives output 0 the shape of input 0.
func inferFloat32(c *graph.Infer) error {
	t := c.Type(0)
	t.DType = tensor.Float32
	c.Set(0, t)
	return nil
}

func inferScaler(c *graph.Infer) error {
	for _, name := range [...]string{"offset", "scale"} {
		if err := perFeature(c, name, len(c.Node.Floats(name))); err != nil {
			return err
		}
	}
	return inferFloat32(c)
}

// perFeature holds that an attribute of n numbers has none, one, or one for each index of the last axis of input 0.
func perFeature(c *graph.Infer, name string, n int) error {
	s, ok := c.Shape(0)
	if !ok || n < 2 {
		return nil
	}
	if len(s) == 0 || s[len(s)-1].IsInt() && !s[len(s)-1].Is(n) {
		return graph.Shapef("%d numbers in %s for %s", n, name, c.Type(0))
	}
	return nil
}

type scalerTask struct {
	x, y          *tensor.Tensor
	offset, scale []float32
}

func runScaler(c *graph.Ctx) error {
	graph.Parallel(c, c.In[0].Len(), 1<<14, scalerTask{c.In[0], c.Out[0], c.Node.Floats("offset"), c.Node.Floats("scale")})
	return nil
}

// featureOf is the number for element i out of none (def), one, or one for each index of the last axis.
func featureOf(s []float32, i int, def float32) float32 {
	switch len(s) {
	case 0:
		return def
	case 1:
		return s[0]
	}
	return s[i%len(s)]
}

func (t *scalerTask) Do(_, lo, hi int) {
	y := tensor.Data[float32](t.y)
	if t.x.DType() == tensor.Float32 {
		for i, v := range tensor.Data[float32](t.x)[lo:hi] {
			y[lo+i] = (v - featureOf(t.offset, lo+i, 0)) * featureOf(t.scale, lo+i, 1)
		}
		return
	}
	for i := lo; i < hi; i++ {
		y[i] = float32((t.x.Float(i) - float64(featureOf(t.offset, i, 0))) * float64(featureOf(t.scale, i, 1)))
	}
}

// Binarizer is 1 above the threshold and 0 elsewhere.
var binarizer = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "Binarizer", Since: 1,
	Sig:   "(X:T) -> (Y:T); T = f32 f64 i32 i64; threshold float = 0",
	Infer: graph.Same, Run: runBinarizer,
})

func runBinarizer(c *graph.Ctx) error {
	limit := float64(c.Node.Float("threshold"))
	for i := range c.In[0].Len() {
		v := 0.0
		if c.In[0].Float(i) > limit {
			v = 1
		}
		storeNumber(c.Out[0], i, v)
	}
	return nil
}

// Normalizer divides along axis 1 (axis 0 of a vector) by the largest number (MAX), the sum of absolute values (L1) or the Euclidean length (L2). Where that is 0, the numbers stay.
var normalizer = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "Normalizer", Since: 1,
	Sig:   "(X:T) -> (Y:f32); T = f32 f64 i32 i64; norm string = MAX",
	Infer: inferFloat32, Run: runNormalizer,
})

func runNormalizer(c *graph.Ctx) error {
	x, y := c.In[0], tensor.Data[float32](c.Out[0])
	outer, n, inner, err := split(x.Shape(), min(1, max(x.Rank()-1, 0)))
	if err != nil {
		return err
	}
	how := c.Node.Str("norm")
	if how != "MAX" && how != "L1" && how != "L2" {
		return graph.Invalidf("norm %q", how)
	}
	if x.DType() == tensor.Float32 && inner == 1 {
		normalizeRows(y, tensor.Data[float32](x), n, how)
		return nil
	}
	for r := range outer * inner {
		start := r/max(inner, 1)*n*inner + r%max(inner, 1)
		by := 0.0
		if how == "MAX" {
			by = math.Inf(-1)
		}
		for i := range n {
			switch v := x.Float(start + i*inner); how {
			case "MAX":
				by = max(by, v)
			case "L1":
				by += math.Abs(v)
			default:
				by += v * v
			}
		}
		if how == "L2" {
			by = math.Sqrt(by)
		}
		if by == 0 {
			by = 1
		}
		for i := range n {
			y[start+i*inner] = float32(x.Float(start+i*inner) / by)
		}
	}
	return nil
}

// normalizeRows is Normalizer for rows of n numbers.
func normalizeRows(y, x []float32, n int, how string) {
	most, sum := how == "MAX", how == "L1"
	for at := 0; at < len(x); at += n {
		row, to := x[at:at+n], y[at:][:n]
		by := 0.0
		switch {
		case most:
			by = math.Inf(-1)
			for _, v := range row {
				by = max(by, float64(v))
			}
		case sum:
			for _, v := range row {
				by += math.Abs(float64(v))
			}
		default:
			for _, v := range row {
				by += float64(v) * float64(v)
			}
			by = math.Sqrt(by)
		}
		if by == 0 {
			by = 1
		}
		by = 1 / by // of a float32, in float64: neither overflows nor shows in the result
		for i, v := range row {
			to[i] = float32(float64(v) * by)
		}
	}
}

// Imputer replaces numbers that equal replaced_value (NaN meets NaN) by one number, or by that of their index on the last axis.
var imputer = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "Imputer", Since: 1,
	Sig: `(X:T) -> (Y:T)
		T = f32 f64 i32 i64
		imputed_value_floats floats; imputed_value_int64s ints; replaced_value_float float = 0; replaced_value_int64 int = 0`,
	Infer: inferImputer, Run: runImputer,
})

func inferImputer(c *graph.Infer) error {
	name, n := "imputed_value_floats", len(c.Node.Floats("imputed_value_floats"))
	if c.DType(0).IsInt() {
		name, n = "imputed_value_int64s", len(c.Node.Ints("imputed_value_int64s"))
	}
	if n == 0 && c.DType(0) != tensor.Invalid {
		return graph.Invalidf("%s is empty", name)
	}
	if err := perFeature(c, name, n); err != nil {
		return err
	}
	return graph.Same(c)
}

func runImputer(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	ints, floats := c.Node.Ints("imputed_value_int64s"), c.Node.Floats("imputed_value_floats")
	oldInt, oldFloat := int64(c.Node.Int("replaced_value_int64")), c.Node.Float("replaced_value_float")
	switch x.DType() {
	case tensor.Float32:
		impute(tensor.Data[float32](y), tensor.Data[float32](x), floats, oldFloat)
	case tensor.Float64:
		impute(tensor.Data[float64](y), tensor.Data[float64](x), floats, float64(oldFloat))
	case tensor.Int32:
		impute(tensor.Data[int32](y), tensor.Data[int32](x), ints, int32(oldInt))
	case tensor.Int64:
		impute(tensor.Data[int64](y), tensor.Data[int64](x), ints, oldInt)
	default:
		return graph.Typef("imputer over %s", x)
	}
	return nil
}

func impute[T float32 | float64 | int32 | int64, V float32 | int64](y, x []T, by []V, old T) {
	for i, v := range x {
		if v == old || v != v && old != old {
			v = T(by[i%len(by)])
		}
		y[i] = v
	}
}

// FeatureVectorizer puts the columns of its inputs (rows, columns) side by side, cut or filled with zeros to the number that inputdimensions says.
var featureVectorizer = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "FeatureVectorizer", Since: 1,
	Sig:   "(X*:T1) -> (Y:f32); T1 = f32 f64 i32 i64; inputdimensions ints",
	Infer: inferFeatureVectorizer, Run: runFeatureVectorizer,
})

func inferFeatureVectorizer(c *graph.Infer) error {
	dims := c.Node.Ints("inputdimensions")
	if len(dims) != len(c.In) && len(dims) != 0 {
		return graph.Invalidf("%d inputdimensions for %d inputs", len(dims), len(c.In))
	}
	rows, cols := graph.Unknown(), graph.Size(0)
	for i := range c.In {
		s, ok := c.Shape(i)
		if ok && (len(s) == 0 || len(s) > 2) {
			return graph.Shapef("input %d is %s, want rows of columns", i, c.Type(i))
		}
		n, m := graph.Unknown(), graph.Unknown()
		if ok {
			n, m = graph.Size(1), s[len(s)-1]
			if len(s) == 2 {
				n = s[0]
			}
		}
		if len(dims) > 0 {
			if dims[i] < 0 {
				return graph.Invalidf("inputdimensions has %d", dims[i])
			}
			m = graph.Size(int(dims[i]))
		}
		if rows.IsInt() && n.IsInt() && !rows.Equal(n) {
			return graph.Shapef("input %d is %s, with other rows than those before it", i, c.Type(i))
		}
		if n.Known() && !rows.IsInt() {
			rows = n
		}
		cols = cols.Add(m)
	}
	c.SetTensor(0, tensor.Float32, rows, cols)
	return nil
}

func runFeatureVectorizer(c *graph.Ctx) error {
	y := tensor.Data[float32](c.Out[0])
	rows, width := c.Out[0].Dim(0), c.Out[0].Dim(1)
	clear(y)
	dims := c.Node.Ints("inputdimensions")
	at := 0
	for i, x := range c.In {
		have := x.Dim(x.Rank() - 1)
		n := have
		if len(dims) > 0 {
			n = int(dims[i])
		}
		for r := range rows {
			for k := range min(n, have) {
				y[r*width+at+k] = float32(x.Float(r*have + k))
			}
		}
		at += n
	}
	return nil
}
