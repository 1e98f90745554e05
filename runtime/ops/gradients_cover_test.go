package ops

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestMain fails when a gradient was held to central differences by no test. It asks only when all tests ran.
func TestMain(m *testing.M) {
	code := m.Run()
	whole := true
	for _, name := range []string{"run", "skip", "list", "fuzz"} {
		whole = whole && flag.Lookup("test."+name).Value.String() == ""
	}
	if code == 0 && whole {
		for _, o := range unchecked() {
			fmt.Printf("the gradient of %s is held to central differences by no test: give it rows in gradients_*_test.go\n", o)
			code = 1
		}
	}
	os.Exit(code)
}

// chosen are operators whose gradient is by definition not the derivative; exact rows hold them.
var chosen = map[string]string{
	"StopGradient": "TestChosenGradients",
	"FakeQuantize": "TestChosenGradients",
	"CTCLoss":      "TestCTCLoss, by the sum over all paths; the gradient is that along normalized probabilities",
}

// unchecked are the operators that have a gradient which no test compared to central differences so far.
func unchecked() []*graph.Op {
	var out []*graph.Op
	for _, versions := range all {
		i := slices.IndexFunc(versions, func(o *graph.Op) bool { return o.Grad != nil })
		if i >= 0 && chosen[versions[i].Name] == "" && !optest.GradChecked(versions[i].Domain, versions[i].Name) {
			out = append(out, versions[i])
		}
	}
	return out
}
