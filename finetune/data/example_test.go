package data_test

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

func Example() {
	x := tensor.Must(tensor.Of([]uint8{0, 51, 102, 153, 204, 255}, 3, 1, 2))
	y := tensor.Must(tensor.Of([]int64{0, 1, 0}))
	ds, err := data.Arrays(data.Array{Name: "image", Tensor: x}, data.Array{Name: "class", Tensor: y})
	if err == nil {
		ds, err = data.Transform(ds, "image", data.Normalize{}, data.RandomFlip{P: 1})
	}
	if err != nil {
		panic(err)
	}
	loader, err := data.NewLoader(ds, data.Options{Batch: 2})
	if err != nil {
		panic(err)
	}
	for batch, err := range loader.Batches(context.Background(), 0, 0) {
		if err != nil {
			panic(err)
		}
		fmt.Println(tensor.Data[float32](batch["image"]), tensor.Data[int64](batch["class"]))
	}
	// Output:
	// [0.2 0 0.6 0.4] [0 1]
	// [1 0.8] [0]
}
