package ops

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// ZipMap turns every row of scores into a map from class labels to scores.
var zipMap = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "ZipMap", Since: 1,
	Sig: `(X:f32) -> (Z:T)
		T = seq(map(i64,f32)) seq(map(str,f32))
		classlabels_int64s ints; classlabels_strings strings`,
	Infer: inferZipMap, Run: runZipMap,
})

func inferZipMap(c *graph.Infer) error {
	count, text, err := classLabels(c.Node, "classlabels_int64s", "classlabels_strings")
	if err != nil {
		return err
	}
	if s, ok := c.Shape(0); ok && (len(s) == 0 || len(s) > 2 || s[len(s)-1].IsInt() && !s[len(s)-1].Is(count)) {
		return graph.Shapef("%d labels for %s", count, c.Type(0))
	}
	key := tensor.Int64
	if text {
		key = tensor.String
	}
	c.Set(0, graph.SeqOf(graph.Type{DType: tensor.Map, Key: key, Elem: &graph.Type{DType: tensor.Float32}}))
	return nil
}

func runZipMap(c *graph.Ctx) error {
	x := c.In[0]
	rows, n := treeSize(x)
	if x.DType() != tensor.Float32 {
		return graph.Typef("scores are %s", x)
	}
	if err := c.Exec().Charge(rows * (4*n + 256)); err != nil {
		return err
	}
	var keys *tensor.Tensor
	var err error
	if s := c.Node.Strs("classlabels_strings"); len(s) > 0 {
		keys, err = tensor.OfStrings(s, n)
	} else {
		keys, err = tensor.Of(c.Node.Ints("classlabels_int64s"), n)
	}
	if err != nil {
		return err
	}
	maps := make([]*tensor.Tensor, rows)
	for r := range maps {
		values, err := tensor.Of(slices.Clone(tensor.Data[float32](x)[r*n:(r+1)*n]), n)
		if err != nil {
			return err
		}
		if maps[r], err = tensor.OfElems(tensor.Map, keys, values); err != nil {
			return err
		}
	}
	c.Out[0], err = tensor.OfElems(tensor.Sequence, maps...)
	return err
}

// DictVectorizer writes the values of a map in the order of a vocabulary; keys that the map does not have give 0 or "".
var dictVectorizer = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "DictVectorizer", Since: 1,
	Sig: `(X:T1) -> (Y:T2)
		T1 = map(str,i64) map(i64,str) map(i64,f32) map(i64,f64) map(str,f32) map(str,f64)
		T2 = i64 f32 f64 str
		int64_vocabulary ints; string_vocabulary strings`,
	Infer: inferDictVectorizer, Run: runDictVectorizer,
})

func inferDictVectorizer(c *graph.Infer) error {
	n := max(len(c.Node.Ints("int64_vocabulary")), len(c.Node.Strs("string_vocabulary")))
	if n == 0 {
		return graph.Invalidf("no vocabulary")
	}
	if t := c.Type(0); t.DType == tensor.Map && t.Elem != nil {
		c.SetTensor(0, t.Elem.DType, graph.Size(1), graph.Size(n))
	} else if t.DType != tensor.Map && t.DType != tensor.Invalid {
		return graph.Typef("input is %s, want a map", t)
	}
	return nil
}

// mapParts are the keys and values of a map.
func mapParts(t *tensor.Tensor) (keys, values *tensor.Tensor, err error) {
	if t.DType() != tensor.Map || len(t.Elems()) != 2 {
		return nil, nil, graph.Typef("input is %s, want a map", t)
	}
	keys, values = t.Elems()[0], t.Elems()[1]
	if keys.DType() != tensor.String && keys.DType() != tensor.Int64 || keys.Len() != values.Len() {
		return nil, nil, graph.Typef("map of %s to %s", keys, values)
	}
	return keys, values, nil
}

func runDictVectorizer(c *graph.Ctx) error {
	keys, values, err := mapParts(c.In[0])
	if err != nil {
		return err
	}
	ints, strs := c.Node.Ints("int64_vocabulary"), c.Node.Strs("string_vocabulary")
	n := max(len(ints), len(strs))
	y, err := c.Alloc(0, values.DType(), 1, n)
	if err != nil || y == nil {
		return err
	}
	at := make(map[any]int, keys.Len())
	for i := range keys.Len() {
		if keys.DType() == tensor.String {
			at[keys.Strings()[i]] = i
		} else {
			at[tensor.Data[int64](keys)[i]] = i
		}
	}
	clear(y.Bytes())
	clear(y.Strings())
	size := y.DType().Size()
	for i := range n {
		var key any
		if len(strs) > 0 {
			key = strs[i]
		} else {
			key = ints[i]
		}
		k, ok := at[key]
		switch {
		case !ok:
		case y.DType() == tensor.String:
			y.Strings()[i] = values.Strings()[k]
		default:
			copy(y.Bytes()[i*size:(i+1)*size], values.Bytes()[k*size:])
		}
	}
	return nil
}

// CastMap writes the values of a map with integer keys, converted, in the order of the keys; in sparse form every value stands at the place that its key names, among zeros.
var castMap = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "CastMap", Since: 1,
	Sig: `(X:T1) -> (Y:T2)
		T1 = map(i64,str) map(i64,f32); T2 = str f32 i64
		cast_to string = TO_FLOAT; map_form string = DENSE; max_map int = 1`,
	Infer: inferCastMap, Run: runCastMap,
})

func inferCastMap(c *graph.Infer) error {
	types := map[string]tensor.DType{"TO_FLOAT": tensor.Float32, "TO_INT64": tensor.Int64, "TO_STRING": tensor.String}
	d, ok := types[c.Node.Str("cast_to")]
	if !ok {
		return graph.Invalidf("cast_to %q", c.Node.Str("cast_to"))
	}
	n := graph.Unknown()
	switch c.Node.Str("map_form") {
	case "DENSE":
	case "SPARSE":
		if c.Node.Int("max_map") < 0 {
			return graph.Invalidf("max_map %d", c.Node.Int("max_map"))
		}
		n = graph.Size(c.Node.Int("max_map"))
	default:
		return graph.Invalidf("map_form %q", c.Node.Str("map_form"))
	}
	c.SetTensor(0, d, graph.Size(1), n)
	return nil
}

func runCastMap(c *graph.Ctx) error {
	keys, values, err := mapParts(c.In[0])
	if err != nil {
		return err
	}
	if keys.DType() != tensor.Int64 {
		return graph.Typef("map with keys %s", keys)
	}
	n, sparse := values.Len(), c.Node.Str("map_form") == "SPARSE"
	if sparse {
		n = c.Node.Int("max_map")
	}
	d := map[string]tensor.DType{"TO_FLOAT": tensor.Float32, "TO_INT64": tensor.Int64, "TO_STRING": tensor.String}[c.Node.Str("cast_to")]
	y, err := c.Alloc(0, d, 1, n)
	if err != nil || y == nil {
		return err
	}
	order := make([]int, keys.Len())
	for i := range order {
		order[i] = i
	}
	k := tensor.Data[int64](keys)
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(k[a], k[b]) })
	clear(y.Bytes())
	clear(y.Strings())
	for place, i := range order {
		if sparse {
			if k[i] < 0 || k[i] >= int64(n) {
				return graph.Shapef("key %d of a map of %d", k[i], n)
			}
			place = int(k[i])
		}
		if err := castMapValue(y, place, values, i); err != nil {
			return err
		}
	}
	return nil
}

func castMapValue(y *tensor.Tensor, at int, values *tensor.Tensor, i int) error {
	if values.DType() == tensor.String {
		s := values.Strings()[i]
		if y.DType() == tensor.String {
			y.Strings()[at] = s
			return nil
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return graph.Invalidf("value %q is no number", s)
		}
		storeNumber(y, at, v)
		return nil
	}
	v := values.Float(i)
	if y.DType() == tensor.String {
		y.Strings()[at] = strconv.FormatFloat(v, 'g', -1, 32)
	} else {
		storeNumber(y, at, v)
	}
	return nil
}
