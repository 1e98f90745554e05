package data_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// TestWordPiece compares with transformers' BertTokenizer; scripts/wordpiece_goldens.py writes the goldens.
func TestWordPiece(t *testing.T) {
	raw, err := os.ReadFile("testdata/wordpiece.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text  string
		Cased bool
		Most  int
		IDs   []int64
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	w, err := data.ReadVocabulary("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		w.Cased = c.Cased
		if got := w.Tokens(c.Text, c.Most); !slices.Equal(got, c.IDs) {
			t.Errorf("%q, cased %v, at most %d: tokens %d, want %d", c.Text, c.Cased, c.Most, got, c.IDs)
		}
	}
}

func TestTextColumn(t *testing.T) {
	w, err := data.ReadVocabulary("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.tsv")
	table := "id\ttext\tlabel\n17\tThe film\tgood\nx\tthe greater film\tbad\n"
	if err := os.WriteFile(path, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	o := data.CSVOptions{Comma: '\t', Targets: []string{"label"}, Text: data.TextColumn{Name: "text", Tokenizer: w}}
	ds, err := data.CSV(path, o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range ds.Fields() {
		names = append(names, f.String())
	}
	if got, want := strings.Join(names, ", "), "y i64[], input_ids i64[6], attention_mask i64[6], token_type_ids i64[6]"; got != want {
		t.Fatalf("fields %s, want %s", got, want)
	}
	sample := func(ds data.Dataset, i int) (list [][]int64) {
		var dst []*tensor.Tensor
		for _, f := range ds.Fields() {
			x, err := tensor.New(f.DType, f.Shape...)
			if err != nil {
				t.Fatal(err)
			}
			dst = append(dst, x)
		}
		if err := ds.Read(i, 0, dst); err != nil {
			t.Fatal(err)
		}
		for _, x := range dst {
			list = append(list, tensor.Data[int64](x))
		}
		return list
	}
	ids := w.Tokens("the film", 0)
	if got := sample(ds, 0); got[0][0] != 1 || !slices.Equal(got[1], append(ids, 0, 0)) || !slices.Equal(got[2], []int64{1, 1, 1, 1, 0, 0}) || slices.Max(got[3]) != 0 {
		t.Errorf("sample %d", got)
	}
	o.Text.Length = 3
	if ds, err = data.CSV(path, o); err != nil {
		t.Fatal(err)
	}
	if got := sample(ds, 1); !slices.Equal(got[1], []int64{ids[0], ids[1], ids[3]}) || !slices.Equal(got[2], []int64{1, 1, 1}) {
		t.Errorf("cut to 3 tokens: sample %d", got)
	}
	for what, change := range map[string]func(*data.CSVOptions){
		"no column":           func(o *data.CSVOptions) { o.Text.Name = "texts" },
		"needs a tokenizer":   func(o *data.CSVOptions) { o.Text.Tokenizer = nil },
		"text and something":  func(o *data.CSVOptions) { o.Text.Name = "label" },
		"limit exceeded":      func(o *data.CSVOptions) { o.Text.Length = 1 << 60 },
		", the limit is 1000": func(o *data.CSVOptions) { o.Text.Length, o.Limit = 100, 1000 },
	} {
		bad := o
		change(&bad)
		if _, err := data.CSV(path, bad); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want an error with %q, got %v", what, err)
		}
	}
	if err := os.WriteFile(path, []byte("[PAD]\n[UNK]\n[CLS]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := data.ReadVocabulary(path); err == nil || !strings.Contains(err.Error(), "[SEP]") {
		t.Errorf("a vocabulary without [SEP]: %v", err)
	}
}
