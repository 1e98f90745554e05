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

// TestMain fails when a gradient was held to central differences by no test, or not at inputs without elements or at extreme ones. It asks only when all tests ran.
func TestMain(m *testing.M) {
	code := m.Run()
	whole := true
	for _, name := range []string{"run", "skip", "list", "fuzz"} {
		whole = whole && flag.Lookup("test."+name).Value.String() == ""
	}
	if code == 0 && whole {
		for _, s := range unchecked() {
			fmt.Println(s, "in gradients_*_test.go")
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

// unchecked says which rows gradients lack.
func unchecked() []string {
	var out []string
	for _, versions := range all {
		i := slices.IndexFunc(versions, func(o *graph.Op) bool { return o.Grad != nil })
		if i < 0 {
			continue
		}
		o := versions[i]
		lacks := func(kind string) bool { return !optest.GradChecked(o.Domain, o.Name, kind) }
		if lacks(optest.Differences) && chosen[o.Name] == "" {
			out = append(out, fmt.Sprintf("the gradient of %s is held to central differences by no test: give it rows", o))
		}
		for _, kind := range []string{optest.Empty, optest.Extreme} {
			if lacks(kind) {
				out = append(out, fmt.Sprintf("the gradient of %s has no %s row", o, kind))
			}
		}
	}
	return out
}
