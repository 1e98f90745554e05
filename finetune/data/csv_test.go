package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

const people = `name,age,class,sex,survived
"Allen, Miss ""E""",29,1st,female,1
"Brown
Mr",,2nd,male,0
Cole,41,1st,male,0
`

func values(t testing.TB, ds Dataset, field string) []float64 {
	t.Helper()
	k, err := fieldAt(ds, field)
	if err != nil {
		t.Fatal(err)
	}
	f := ds.Fields()[k]
	var out []float64
	for i := range ds.Len() {
		dst := make([]*tensor.Tensor, len(ds.Fields()))
		dst[k] = tensor.Must(tensor.New(f.DType, f.Shape...))
		if err := ds.Read(i, 0, dst); err != nil {
			t.Fatal(err)
		}
		for j := range dst[k].Len() {
			out = append(out, dst[k].Float(j))
		}
	}
	return out
}

func TestCSV(t *testing.T) {
	path := file(t, "people.csv", people)
	o := CSVOptions{Targets: []string{"survived"}, Columns: map[string]Column{"name": {Kind: Skip}, "age": {Missing: Mean}}}
	d, err := CSV(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Fields(), d.Names); got != "[x f32[5] y i64[]] [age class=1st class=2nd sex=female sex=male]" {
		t.Error(got)
	}
	if got := values(t, d, "x"); !slices.Equal(got, []float64{29, 1, 0, 1, 0, 35, 0, 1, 0, 1, 41, 1, 0, 0, 1}) {
		t.Error(got)
	}
	if got := values(t, d, "y"); !slices.Equal(got, []float64{1, 0, 0}) {
		t.Error(got)
	}
	// Another file with the columns of this one: its mean, its categories.
	o.Columns = d.Columns
	d, err = CSV(file(t, "more.csv", "name,age,class,sex,survived\nD,,2nd,male,1\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, d, "x"); !slices.Equal(got, []float64{35, 0, 1, 0, 1}) {
		t.Error(got)
	}
	if _, err := CSV(file(t, "other.csv", "name,age,class,sex,survived\nD,,3rd,male,1\n"), o); err == nil || !strings.Contains(err.Error(), `line 2: column "class": "3rd"`) {
		t.Error(err)
	}
	o = CSVOptions{Targets: []string{"class", "survived"}, Missing: Indicator, Columns: map[string]Column{"name": {Kind: Index}, "sex": {Kind: Skip}}}
	if d, err = CSV(path, o); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Fields(), values(t, d, "x"), values(t, d, "y")); got != "[x f32[3] y i64[2]] [0 29 0 1 0 1 2 41 0] [0 1 1 0 0 0]" {
		t.Error(got)
	}
	o = CSVOptions{NoHeader: true, Comma: ';', Targets: []string{"2"}}
	if d, err = CSV(file(t, "plain.csv", "\ufeff1;2.5;0.5\n3;4;1\n"), o); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Fields(), values(t, d, "x"), values(t, d, "y")); got != "[x f32[2] y f32[1]] [1 2.5 3 4] [0.5 1]" {
		t.Error(got)
	}
}

func TestCSVRefuses(t *testing.T) {
	var long strings.Builder
	long.WriteString("a\n")
	for i := range 100 {
		fmt.Fprintf(&long, "text%d\n", i)
	}
	for _, c := range []struct {
		text, want string
		o          CSVOptions
	}{
		{"", "empty", CSVOptions{}},
		{"a,b\n", "no rows", CSVOptions{}},
		{"a,a\n1,2\n", "two columns", CSVOptions{}},
		{"a,b\n1,2\n3\n", "line 3", CSVOptions{}},
		{"a,b\n1,\"2\n", "line 2", CSVOptions{}},
		{"a\n1\n\n\nx\n", `line 5: column "a": "x"`, CSVOptions{Columns: map[string]Column{"a": {Kind: Float}}}},
		{"a\n1e39\n", `line 2: column "a"`, CSVOptions{Columns: map[string]Column{"a": {Kind: Float}}}},
		{"a\n1.5\n", "not whole", CSVOptions{Columns: map[string]Column{"a": {Kind: Int}}}},
		{"a,b\n1,1\n,2\n", `line 3: column "a" has no value`, CSVOptions{}},
		{"a,y\n1,\n", `line 2: column "y" has no value`, CSVOptions{Targets: []string{"y"}, Missing: Mean}},
		{"a\n1\n", `"b"`, CSVOptions{Targets: []string{"b"}}},
		{"a\n1\n", `"b"`, CSVOptions{Columns: map[string]Column{"b": {}}}},
		{"a\n1\n", "kind", CSVOptions{Columns: map[string]Column{"a": {Kind: "double"}}}},
		{long.String(), "line 2: column \"a\" has text", CSVOptions{}},
		{long.String(), "limit", CSVOptions{Limit: 8, Columns: map[string]Column{"a": {Kind: OneHot}}}},
		{strings.Repeat("a\n", 50), "limit", CSVOptions{NoHeader: true, Limit: 100}},
		{strings.Repeat(",", maxColumns) + "\n", "limit", CSVOptions{}},
		{"a\n\"" + strings.Repeat("x", maxRecord+1<<16), "limit", CSVOptions{}},
	} {
		_, err := CSV(file(t, "t.csv", c.text), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "t.csv") {
			t.Errorf("%.40q: %v, want %q", c.text, err, c.want)
		}
		if c.want == "limit" && !errors.Is(err, ErrLimit) {
			t.Errorf("%.40q: %v is no ErrLimit", c.text, err)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add(people, "survived")
	f.Add("a;b\n1;\"2\n", "b")
	f.Add("\ufeff\"\"\n\n,\n", "")
	f.Fuzz(func(t *testing.T, text, target string) {
		for _, o := range []CSVOptions{{Missing: Mean}, {Missing: Indicator, Targets: []string{target}}, {NoHeader: true, Missing: Constant}} {
			o.Limit = 1 << 20
			d, err := CSV(file(t, "f.csv", text), o)
			if err == nil {
				if _, err = Collect(d, 0); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
