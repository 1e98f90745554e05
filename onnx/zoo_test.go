package onnx

import (
	"bytes"
	"fmt"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// suites are the folders with models that the environment names.
func suites(t *testing.T) []string {
	var out []string
	for _, v := range []string{"ONNXRUN_ZOO", "ONNXRUN_REAL", "ONNXRUN_CONFORMANCE"} {
		if dir := os.Getenv(v); dir != "" {
			out = append(out, dir)
		}
	}
	if out == nil {
		t.Skip("set ONNXRUN_ZOO, ONNXRUN_REAL or ONNXRUN_CONFORMANCE to folders with models")
	}
	return out
}

func eachFile(t *testing.T, suffix string, f func(t *testing.T, name string)) {
	n := 0
	for _, dir := range suites(t) {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(name, suffix) && d.Name() != "stripped.onnx" {
				n++
				f(t, name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d files", n)
}

// TestSuitesRoundTrip wants every model back as it was: all its bytes, which the producers of these models write in the order
// of the fields.
func TestSuitesRoundTrip(t *testing.T) {
	eachFile(t, ".onnx", func(t *testing.T, name string) {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := Load(name)
		if err != nil {
			t.Error(err)
			return
		}
		got, err := Marshal(g)
		if err != nil {
			t.Error(err)
			return
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes became %d others", name, len(want), len(got))
		}
	})
}

// TestSuitesData wants every file of test data back as it was, whose elements are in raw_data or strings.
func TestSuitesData(t *testing.T) {
	eachFile(t, ".onnx", func(t *testing.T, name string) {
		g, err := Load(name)
		if err != nil {
			t.Error(err)
			return
		}
		for kind, values := range map[string][]*graph.Value{"input": g.Inputs, "output": g.Outputs} {
			for i, v := range values {
				files, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "test_data_set_*", fmt.Sprintf("%s_%d.pb", kind, i)))
				for _, f := range files {
					checkData(t, f, v.Type)
				}
			}
		}
	})
}

func checkData(t *testing.T, file string, want graph.Type) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name, x, err := ReadTensor(b, want)
	if err != nil {
		t.Errorf("%s as %s: %v", file, want, err)
		return
	}
	if want.DType != tensor.Invalid && x.DType() != want.DType {
		t.Errorf("%s: %s instead of %s", file, x, want)
	}
	if want.DType != tensor.Optional {
		if _, y, err := ReadTensor(b, graph.Type{}); err != nil || want.DType != tensor.BFloat16 && !sameTensor(x, y) {
			t.Errorf("%s without a type: %v, %v", file, y, err)
		}
	}
	back, err := WriteTensor(name, x)
	if err != nil {
		t.Errorf("%s: %v", file, err)
	} else if !bytes.Equal(b, back) {
		if _, y, err := ReadTensor(back, want); err != nil || !sameTensor(x, y) {
			t.Errorf("%s written and read: %v, %v", file, y, err)
		}
	}
}

// sameTensor reports whether a and b have the same type, shape and elements, bit for bit.
func sameTensor(a, b *tensor.Tensor) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.DType() == b.DType() && a.Shape().Equal(b.Shape()) && bytes.Equal(a.Bytes(), b.Bytes()) &&
		slices.Equal(a.Strings(), b.Strings()) && slices.EqualFunc(a.Elems(), b.Elems(), sameTensor)
}
