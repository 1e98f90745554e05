package metric_test

import (
	"fmt"

	"github.com/onnxrun/onnxrun/finetune/metric"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

func Example() {
	logits := tensor.Must(tensor.Of([]float32{2, 1, 0, 0, 3, 1, 1, 2, 0, 0, 1, 2}, 4, 3))
	classes := tensor.Must(tensor.Of([]int64{0, 1, 0, 2}))
	for _, name := range []string{"accuracy", "top2", "f1-macro"} {
		m, err := metric.New(name, metric.Options{})
		if err != nil {
			panic(err)
		}
		if err := m.Add(logits, classes); err != nil {
			panic(err)
		}
		fmt.Printf("%s %.3f\n", name, m.Value())
	}
	// Output:
	// accuracy 0.750
	// top2 1.000
	// f1-macro 0.778
}
