// Package structure tests who imports whom.
package structure

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/onnxrun/onnxrun/"

// allowed lists for each package (or tree, with /...) the packages of this module that it may import.
var allowed = []struct {
	pkg string
	may []string
}{
	{"graph/tensor", nil},
	{"graph/tensor/...", []string{"graph/tensor"}},
	{"graph", []string{"graph/tensor"}},
	{"graph/pass", []string{"graph", "graph/tensor"}},
	{"onnx", []string{"graph", "graph/tensor", "onnx/internal/..."}},
	{"onnx/onnxgo", []string{"graph", "graph/tensor", "graph/tensor/gorgonia", "onnx", "runtime", "runtime/ops"}},
	{"onnx/internal/...", []string{"graph", "graph/tensor", "onnx/internal/..."}},
	{"runtime", []string{"graph", "graph/tensor", "graph/pass", "runtime/ops", "runtime/internal/..."}},
	{"runtime/kernelbench", []string{"graph", "graph/tensor", "runtime", "runtime/ops", "runtime/internal/..."}},
	{"runtime/ops", []string{"graph", "graph/tensor", "runtime/internal/kernel"}},
	{"runtime/internal/kernel", []string{"graph/tensor"}},
	{"runtime/internal/pool", []string{"runtime/internal/kernel"}},
	{"runtime/internal/optest", []string{"graph", "graph/tensor", "finetune/autodiff"}},
	{"finetune/autodiff", []string{"graph", "graph/pass"}},
	{"finetune/loss", []string{"graph", "graph/tensor", "internal/params"}},
	{"finetune/schedule", []string{"internal/params"}},
	{"finetune/job", []string{"graph", "graph/tensor", "onnx", "runtime", "runtime/ops", "finetune", "finetune/...", "models", "internal/params"}},
	{"finetune", []string{"graph", "graph/tensor", "graph/tensor/...", "graph/pass", "onnx", "runtime", "runtime/ops", "finetune/..."}},
	{"finetune/...", []string{"graph", "graph/tensor", "graph/tensor/...", "graph/pass", "onnx", "runtime", "runtime/ops", "finetune", "finetune/...", "internal/params"}},
	{"models/...", []string{"graph", "graph/tensor", "runtime/ops", "models/..."}},
	{"models", []string{"graph", "graph/tensor", "runtime/ops", "models/...", "internal/params"}},
	{"scripts/...", []string{"..."}},
	{"internal/...", nil},
	{"cmd/...", []string{"..."}},
}

func matches(pattern, pkg string) bool {
	if tree, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(pkg, tree)
	}
	return pattern == pkg
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(words[0], module)
		i := slices.IndexFunc(allowed, func(r struct {
			pkg string
			may []string
		}) bool {
			return matches(r.pkg, pkg)
		})
		if i < 0 {
			t.Errorf("package %s has no rule", pkg)
			continue
		}
		for _, imp := range words[1:] {
			if strings.Contains(imp, "protobuf") && !strings.HasPrefix(pkg, "onnx") {
				t.Errorf("%s imports %s: protobuf stays in onnx", pkg, imp)
			}
			inner, ours := strings.CutPrefix(imp, module)
			if ours && !slices.ContainsFunc(allowed[i].may, func(p string) bool { return matches(p, inner) }) {
				t.Errorf("%s imports %s", pkg, inner)
			}
		}
	}
}

// TestLight: who runs models does not link the libraries that only bridges need.
func TestLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"cmd/...", module+"onnx", module+"runtime").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, heavy := range []string{"gorgonia.org/", "gonum.org/", "github.com/owulveryck/", "github.com/apache/arrow"} {
		if strings.Contains(string(out), heavy) {
			t.Errorf("the command, onnx or runtime links %s", heavy)
		}
	}
}
