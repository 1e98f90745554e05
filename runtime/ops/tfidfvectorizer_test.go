package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestTfIdfVectorizer: counts by hand. The pool has the 1-grams 5, 7 and the 2-grams (5,7), (7,7).
func TestTfIdfVectorizer(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	attrs := func(mode string, lo, hi, skip int, more ...graph.Attr) []graph.Attr {
		return append([]graph.Attr{graph.Str("mode", mode), graph.Int("min_gram_length", lo), graph.Int("max_gram_length", hi), graph.Int("max_skip_count", skip),
			graph.Ints("ngram_counts", 0, 2), graph.Ints("ngram_indexes", 1, 0, 2, 4), graph.Ints("pool_int64s", 5, 7, 5, 7, 7, 7)}, more...)
	}
	weights := graph.Attr{Name: "weights", Value: []float32{2, 3, 10, 0.5}}
	x := i64([]int64{5, 7, 7, 5, 7}, 5)
	words := tensor.Must(tensor.OfStrings([]string{"a", "b", "ab", "a"}, 2, 2))
	optest.Run(t, Registry(), "TfIdfVectorizer", []optest.Case{
		{Name: "all", In: ts(x), Attrs: attrs("TF", 1, 2, 0), Want: ts(f32([]float32{3, 2, 2, 0, 1}, 5))},
		{Name: "skips", In: ts(x), Attrs: attrs("TF", 2, 2, 3), Want: ts(f32([]float32{0, 0, 4, 0, 3}, 5))},
		{Name: "weights of what is there", In: ts(x), Attrs: attrs("IDF", 1, 2, 0, weights), Want: ts(f32([]float32{3, 2, 10, 0, 0.5}, 5))},
		{Name: "weighted counts", In: ts(x), Attrs: attrs("TFIDF", 1, 2, 0, weights), Want: ts(f32([]float32{9, 4, 20, 0, 0.5}, 5))},
		{Name: "strings do not run together", In: ts(words), Attrs: []graph.Attr{graph.Str("mode", "TF"), graph.Int("min_gram_length", 2), graph.Int("max_gram_length", 2),
			graph.Int("max_skip_count", 0), graph.Ints("ngram_counts", 0, 0), graph.Ints("ngram_indexes", 0, 1),
			{Name: "pool_strings", Value: []string{"a", "b", "ab", "a"}}}, Want: ts(f32([]float32{1, 0, 0, 1}, 2, 2))},
		{Name: "empty", In: ts(i64(nil, 2, 0)), Attrs: attrs("TF", 1, 2, 0), Want: ts(f32(make([]float32, 10), 2, 5))},
		{Name: "mode", In: ts(x), Attrs: attrs("BM25", 1, 2, 0), Text: "mode"},
		{Name: "too few weights", In: ts(x), Attrs: attrs("IDF", 1, 2, 0, graph.Attr{Name: "weights", Value: []float32{1}}), Text: "weights"},
		{Name: "rank", In: ts(i64(nil, 1, 1, 0)), Attrs: attrs("TF", 1, 2, 0), Err: graph.ErrShape},
	})
}
