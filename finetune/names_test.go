package finetune_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
)

// TestGoldenNames compares the names found in every exported model of the training goldens with those of the PyTorch module: the ones that the
// exporter took away must be found again, and the ones that it left must stay.
func TestGoldenNames(t *testing.T) {
	root := os.Getenv("ONNXRUN_TRAINING")
	if root == "" {
		t.Skip("ONNXRUN_TRAINING does not name the folder of training goldens")
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "names.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no names.json in ", root, err)
	}
	renamed, found := 0, 0
	for _, f := range files {
		var l struct {
			layout
			Renamed []string `json:"renamed"`
		}
		readJSON(t, f, &l)
		g, err := onnx.Load(filepath.Join(filepath.Dir(f), "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := finetune.New(g)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Params {
			e := l.Initializers[p.Value.Name]
			if e == nil || e.Parameter == "" && e.Parameters == nil {
				continue
			}
			want, how := strings.Join(e.names(), "+"), finetune.Transform(e.Transform)
			if how == "identity" || how == "reshape" {
				how = finetune.Same
			}
			again := slices.Contains(l.Renamed, p.Value.Name)
			if again {
				renamed++
			}
			switch {
			case p.Name != want || p.Transform != how && again:
				t.Errorf("%s: %s is named %s (%s), want %s (%s)", filepath.Base(filepath.Dir(f)), p.Value.Name, p.Name, p.Transform, want, how)
			case again:
				found++
			}
		}
	}
	t.Logf("%d of %d renamed parameters found again in %d models", found, renamed, len(files))
}

func TestModule(t *testing.T) {
	for name, want := range map[string]string{
		"/encoder/layer.0/attention/self/query/MatMul": "encoder.layer.0.attention.self.query",
		"/layer2/down/down.0/Conv":                     "layer2.down.0",
		"/Relu_1":                                      "",
		"/a/a.1/a.1.0/Gemm":                            "a.1.0",
	} {
		if got, ok := finetune.Module(&graph.Node{Name: name}); !ok || got != want {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := finetune.Module(&graph.Node{Name: "MatMul_3"}); ok {
		t.Error("a node without a path has a module")
	}
}
