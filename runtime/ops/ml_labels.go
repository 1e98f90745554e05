package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// LabelEncoder replaces every element by the value that stands at the place of its key, or by a default. NaN is a key like any other; of equal keys the first counts.
var labelEncoder = family(
	&graph.Op{
		Domain: "ai.onnx.ml", Name: "LabelEncoder", Since: 4,
		Sig: `(X:T1) -> (Y:T2)
			T1 = str i64 f32 i32 i16 f64; T2 = str i64 f32 i32 i16 f64
			default_float float = -0; default_int64 int = -1; default_string string = _Unused; default_tensor tensor
			keys_floats floats; keys_int64s ints; keys_strings strings; keys_tensor tensor
			values_floats floats; values_int64s ints; values_strings strings; values_tensor tensor`,
		Infer: inferLabels(encoderTables), Run: runLabels(encoderTables),
	},
	&graph.Op{Since: 2, Sig: `T1 = str i64 f32; T2 = str i64 f32
		-default_tensor
		-keys_tensor
		-values_tensor`},
	&graph.Op{Since: 1, Sig: `T1 = str i64; T2 = str i64
		-default_float
		-keys_floats
		-keys_int64s
		-keys_strings
		-values_floats
		-values_int64s
		-values_strings
		classes_strings strings`, Infer: inferLabels(classTables), Run: runLabels(classTables)},
)

// CategoryMapper replaces strings by integers, or integers by strings, at the same place in two lists.
var categoryMapper = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "CategoryMapper", Since: 1,
	Sig: `(X:T1) -> (Y:T2)
		T1 = str i64; T2 = str i64
		cats_int64s ints; cats_strings strings; default_int64 int = -1; default_string string = _Unused`,
	Infer: inferLabels(categoryTables), Run: runLabels(categoryTables),
})

// tables finds the keys and values for elements of type d.
type tables func(n *graph.Node, d tensor.DType) (keys, values *tensor.Tensor)

func encoderTables(n *graph.Node, _ tensor.DType) (keys, values *tensor.Tensor) {
	return labelList(n, "keys"), labelList(n, "values")
}

func labelList(n *graph.Node, name string) *tensor.Tensor {
	if t := n.Tensor(name + "_tensor"); t != nil {
		return t
	}
	if f := n.Floats(name + "_floats"); len(f) > 0 {
		return tensor.Must(tensor.Of(f, len(f)))
	}
	if v := n.Ints(name + "_int64s"); len(v) > 0 {
		return tensor.Must(tensor.Of(v, len(v)))
	}
	if s := n.Strs(name + "_strings"); len(s) > 0 {
		return tensor.Must(tensor.OfStrings(s, len(s)))
	}
	return nil
}

func classTables(n *graph.Node, d tensor.DType) (keys, values *tensor.Tensor) {
	s := n.Strs("classes_strings")
	at := make([]int, len(s))
	for i := range at {
		at[i] = i
	}
	return towards(d, tensor.Must(tensor.OfStrings(s, len(s))), tensor.Ints(at...))
}

func categoryTables(n *graph.Node, d tensor.DType) (keys, values *tensor.Tensor) {
	s, v := n.Strs("cats_strings"), n.Ints("cats_int64s")
	return towards(d, tensor.Must(tensor.OfStrings(s, len(s))), tensor.Must(tensor.Of(v, len(v))))
}

// towards makes strings the keys of strings, and integers those of anything else.
func towards(d tensor.DType, s, v *tensor.Tensor) (keys, values *tensor.Tensor) {
	if d == tensor.String {
		return s, v
	}
	return v, s
}

func inferLabels(find tables) func(*graph.Infer) error {
	return func(c *graph.Infer) error {
		t := c.Type(0)
		if t.DType == tensor.Invalid {
			return nil
		}
		keys, values := find(c.Node, t.DType)
		if keys == nil || values == nil || keys.Len() != values.Len() {
			return graph.Invalidf("keys %s and values %s", keys, values)
		}
		if (keys.DType() == tensor.String) != (t.DType == tensor.String) {
			return graph.Typef("keys %s for %s", keys, t)
		}
		t.DType = values.DType()
		c.Set(0, t)
		return nil
	}
}

// labelMap is the place of every key, and the values with the default behind them.
type labelMap struct {
	strs   map[string]int
	ints   map[int64]int
	floats map[float64]int
	nan    int
	values *tensor.Tensor
}

func newLabelMap(n *graph.Node, keys, values *tensor.Tensor) (*labelMap, error) {
	m := &labelMap{strs: map[string]int{}, ints: map[int64]int{}, floats: map[float64]int{}, nan: keys.Len()}
	for i := keys.Len() - 1; i >= 0; i-- {
		switch {
		case keys.DType() == tensor.String:
			m.strs[keys.Strings()[i]] = i
		case keys.DType() == tensor.Int64:
			m.ints[tensor.Data[int64](keys)[i]] = i
		default:
			v := keys.Float(i)
			if v != v {
				m.nan = i
			}
			m.floats[v] = i
			m.ints[int64(v)] = i
		}
	}
	def := n.Tensor("default_tensor")
	if def != nil && (def.DType() != values.DType() || def.Len() != 1) {
		return nil, graph.Typef("default %s for values %s", def, values)
	}
	if values.DType() == tensor.String {
		s := n.Str("default_string")
		if def != nil {
			s = def.Strings()[0]
		}
		m.values = tensor.Must(tensor.OfStrings(append(slices.Clone(values.Strings()), s)))
		return m, nil
	}
	var err error
	if m.values, err = tensor.New(values.DType(), values.Len()+1); err != nil {
		return nil, err
	}
	copy(m.values.Bytes(), values.Bytes())
	v := float64(n.Int("default_int64"))
	if values.DType().IsFloat() {
		v = float64(n.Float("default_float"))
	}
	if def != nil {
		copy(m.values.Bytes()[len(values.Bytes()):], def.Bytes())
	} else {
		storeNumber(m.values, values.Len(), v)
	}
	return m, nil
}

// find is the place of element i of x, that of the default when it is no key.
func (m *labelMap) find(x *tensor.Tensor, i int) int {
	at, ok := 0, false
	switch x.DType() {
	case tensor.String:
		at, ok = m.strs[x.Strings()[i]]
	case tensor.Int64:
		at, ok = m.ints[tensor.Data[int64](x)[i]]
	default:
		v := x.Float(i)
		if v != v {
			return m.nan
		}
		if at, ok = m.floats[v]; !ok && len(m.floats) == 0 && v == float64(int64(v)) {
			at, ok = m.ints[int64(v)]
		}
	}
	if !ok {
		return m.values.Len() - 1
	}
	return at
}

func runLabels(find tables) func(*graph.Ctx) error {
	return func(c *graph.Ctx) error {
		x, y := c.In[0], c.Out[0]
		m, _ := c.Memo.(*labelMap)
		if m == nil {
			keys, values := find(c.Node, x.DType())
			var err error
			if m, err = newLabelMap(c.Node, keys, values); err != nil {
				return err
			}
			c.Memo = m
		}
		size := y.DType().Size()
		for i := range x.Len() {
			at := m.find(x, i)
			if y.DType() == tensor.String {
				y.Strings()[i] = m.values.Strings()[at]
			} else {
				copy(y.Bytes()[i*size:(i+1)*size], m.values.Bytes()[at*size:])
			}
		}
		return nil
	}
}

// OneHotEncoder adds an axis that is 1 at the place of the element among the categories and 0 elsewhere. With zeros, an unknown element is 0 everywhere; without, it is an error.
var oneHotEncoder = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "OneHotEncoder", Since: 1,
	Sig: `(X:T) -> (Y:f32)
		T = f32 f64 i32 i64 str
		cats_int64s ints; cats_strings strings; zeros int = 1`,
	Infer: inferOneHotEncoder, Run: runOneHotEncoder,
})

func inferOneHotEncoder(c *graph.Infer) error {
	n := max(len(c.Node.Ints("cats_int64s")), len(c.Node.Strs("cats_strings")))
	if n == 0 {
		return graph.Invalidf("no categories")
	}
	s, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(tensor.Float32))
		return nil
	}
	c.SetTensor(0, tensor.Float32, append(slices.Clone(s), graph.Size(n))...)
	return nil
}

func runOneHotEncoder(c *graph.Ctx) error {
	x, y := c.In[0], tensor.Data[float32](c.Out[0])
	clear(y)
	ints, strs := c.Node.Ints("cats_int64s"), c.Node.Strs("cats_strings")
	n := max(len(ints), len(strs))
	for i := range x.Len() {
		at := -1
		if x.DType() == tensor.String {
			at = slices.Index(strs, x.Strings()[i])
		} else if v := x.Float(i); v == v {
			at = slices.Index(ints, int64(v))
		}
		if at >= 0 {
			y[i*n+at] = 1
		} else if !c.Node.Bool("zeros") {
			return graph.Invalidf("element %d is none of the categories", i)
		}
	}
	return nil
}

// ArrayFeatureExtractor picks elements of the last axis; a vector gives a matrix of one row.
var arrayFeatureExtractor = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "ArrayFeatureExtractor", Since: 1,
	Sig:   "(X:T, Y:i64) -> (Z:T); T = f32 f64 i32 i64 str",
	Infer: inferArrayFeatureExtractor, Run: runArrayFeatureExtractor,
})

func inferArrayFeatureExtractor(c *graph.Infer) error {
	s, ok := c.Shape(0)
	if ok && len(s) == 0 {
		return graph.Shapef("features of a scalar")
	}
	if !ok {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	n := graph.Unknown()
	if y, ok := c.Shape(1); ok {
		n = graph.Size(1)
		for _, d := range y {
			n = n.Mul(d)
		}
	}
	out := append(slices.Clone(s[:len(s)-1]), n)
	if len(s) == 1 {
		out = []graph.Dim{graph.Size(1), n}
	}
	c.SetTensor(0, c.DType(0), out...)
	return nil
}

func runArrayFeatureExtractor(c *graph.Ctx) error {
	x, z, at := c.In[0], c.Out[0], tensor.Data[int64](c.In[1])
	n := x.Dim(x.Rank() - 1)
	for _, k := range at {
		if k < 0 || k >= int64(n) {
			return graph.Shapef("feature %d of %d", k, n)
		}
	}
	size := x.DType().Size()
	for i := range z.Len() {
		from := i/len(at)*n + int(at[i%len(at)])
		if x.DType() == tensor.String {
			z.Strings()[i] = x.Strings()[from]
		} else {
			copy(z.Bytes()[i*size:(i+1)*size], x.Bytes()[from*size:])
		}
	}
	return nil
}
