package ops

import (
	"strconv"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// TfIdfVectorizer counts the n-grams of a pool in each row of X [C] or [N, C]. The pool lists all 1-grams, then all 2-grams and so on; ngram_counts
// says where each length begins, ngram_indexes at which column of Y each n-gram counts. The elements of an n-gram are up to
// max_skip_count elements apart. Mode TF gives counts, IDF the weight of what is there, TFIDF their product.
var tfIdfVectorizer = family(&graph.Op{
	Name: "TfIdfVectorizer", Since: 9,
	Sig: `(X:T) -> (Y:T1)
		T = i32 i64 str; T1 = f32
		max_gram_length int!; max_skip_count int!; min_gram_length int!; mode string!; ngram_counts ints!; ngram_indexes ints!
		pool_int64s ints; pool_strings strings; weights floats`,
	Infer: inferTfIdf, Run: runTfIdf,
})

// ngrams is the memo of a TfIdfVectorizer.
type ngrams struct {
	columns            int
	min, max, skip     int
	column             map[string]int  // of each n-gram, by its key
	weight             map[int]float32 // of a column, where it is not 1
	useCount, useScale bool
}

// maxColumns bounds the columns of Y, which an attribute names.
const maxColumns = 1 << 26

func readNgrams(n *graph.Node) (*ngrams, error) {
	p := &ngrams{min: n.Int("min_gram_length"), max: n.Int("max_gram_length"), skip: n.Int("max_skip_count"), column: map[string]int{}, weight: map[int]float32{}}
	switch mode := n.Str("mode"); mode {
	case "TF":
		p.useCount = true
	case "IDF":
		p.useScale = true
	case "TFIDF":
		p.useCount, p.useScale = true, true
	default:
		return nil, graph.Invalidf("mode %q, want TF, IDF or TFIDF", mode)
	}
	if p.min < 1 || p.max < p.min || p.skip < 0 {
		return nil, graph.Invalidf("n-grams of %d to %d elements with skips up to %d", p.min, p.max, p.skip)
	}
	counts, indexes, weights := n.Ints("ngram_counts"), n.Ints("ngram_indexes"), n.Floats("weights")
	if len(weights) > 0 && len(weights) != len(indexes) {
		return nil, graph.Invalidf("%d weights for %d n-grams", len(weights), len(indexes))
	}
	for _, c := range indexes {
		if c < 0 || c >= maxColumns {
			return nil, graph.Invalidf("n-gram at column %d", c)
		}
		p.columns = max(p.columns, int(c)+1)
	}
	keys := poolKeys(n)
	k := 0
	for i := range counts {
		size := i + 1
		lo, hi := counts[i], int64(len(keys))
		if i+1 < len(counts) {
			hi = counts[i+1]
		}
		if lo < 0 || hi < lo || hi > int64(len(keys)) || (hi-lo)%int64(size) != 0 {
			return nil, graph.Invalidf("%d-grams from element %d to %d of a pool of %d", size, lo, hi, len(keys))
		}
		for at := lo; at < hi; at += int64(size) {
			if k >= len(indexes) {
				return nil, graph.Invalidf("more n-grams than the %d in ngram_indexes", len(indexes))
			}
			key := ""
			for _, e := range keys[at : at+int64(size)] {
				key += e
			}
			p.column[key] = int(indexes[k])
			if len(weights) > 0 {
				p.weight[int(indexes[k])] = weights[k]
			}
			k++
		}
	}
	return p, nil
}

// poolKeys are the elements of the pool in a form whose concatenations are all different.
func poolKeys(n *graph.Node) []string {
	var out []string
	for _, v := range n.Ints("pool_int64s") {
		out = append(out, intKey(v))
	}
	for _, s := range n.Strs("pool_strings") {
		out = append(out, stringKey(s))
	}
	return out
}

func intKey(v int64) string { return strconv.FormatInt(v, 36) + "," }

func stringKey(s string) string { return strconv.Itoa(len(s)) + ":" + s }

func inferTfIdf(c *graph.Infer) error {
	p, err := readNgrams(c.Node)
	if err != nil {
		return err
	}
	x, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(tensor.Float32))
		return nil
	}
	if len(x) != 1 && len(x) != 2 {
		return graph.Shapef("n-grams of %s, want one or two axes", c.Type(0))
	}
	out := append([]graph.Dim{}, x...)
	out[len(out)-1] = graph.Size(p.columns)
	c.SetTensor(0, tensor.Float32, out...)
	return nil
}

func runTfIdf(c *graph.Ctx) error {
	p, _ := c.Memo.(*ngrams)
	if p == nil {
		var err error
		if p, err = readNgrams(c.Node); err != nil {
			return err
		}
		c.Memo = p
	}
	x, y := c.In[0], tensor.Data[float32](c.Out[0])
	clear(y)
	if x.Len() == 0 || p.columns == 0 {
		return nil
	}
	keys := make([]string, x.Len())
	if err := c.Exec().Charge(24 * len(keys)); err != nil {
		return err
	}
	for i := range keys {
		switch x.DType() {
		case tensor.String:
			keys[i] = stringKey(x.Strings()[i])
		case tensor.Int32:
			keys[i] = intKey(int64(tensor.Data[int32](x)[i]))
		default:
			keys[i] = intKey(tensor.Data[int64](x)[i])
		}
	}
	width := x.Dim(x.Rank() - 1)
	for r := range len(keys) / width {
		if err := c.Exec().Stopped(); err != nil {
			return err
		}
		p.row(keys[r*width:][:width], y[r*p.columns:][:p.columns])
	}
	return nil
}

// row counts the n-grams in x into y.
func (p *ngrams) row(x []string, y []float32) {
	for size := p.min; size <= min(p.max, len(x)); size++ {
		skips := p.skip
		if size == 1 { // skips make no difference
			skips = 0
		}
		for step := 1; step <= skips+1 && (size-1)*step < len(x); step++ {
			for i := 0; i+(size-1)*step < len(x); i++ {
				key := x[i]
				for j := 1; j < size; j++ {
					key += x[i+j*step]
				}
				if k, ok := p.column[key]; ok {
					y[k]++
				}
			}
		}
	}
	if !p.useScale {
		return
	}
	for k, n := range y {
		w, ok := p.weight[k]
		if !ok {
			w = 1
		}
		switch {
		case n == 0:
		case p.useCount:
			y[k] = n * w
		default:
			y[k] = w
		}
	}
}
