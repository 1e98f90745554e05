package schedule_test

import (
	"fmt"

	"github.com/onnxrun/onnxrun/finetune/schedule"
)

func ExampleNew() {
	s, err := schedule.New("linear_warmup", map[string]any{"num_warmup_steps": 2}, 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range 7 {
		fmt.Printf("%.3g ", s.LR(step, 0.1))
	}
	// Output: 0 0.05 0.1 0.075 0.05 0.025 0
}
