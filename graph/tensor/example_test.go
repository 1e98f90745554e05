package tensor_test

import (
	"errors"
	"fmt"

	"github.com/x448/float16"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// A slice becomes a tensor without a copy.
func ExampleOf() {
	data := []float32{1, 2, 3, 4, 5, 6}
	x, err := tensor.Of(data, 2, 3)
	fmt.Println(x, err)
	_, err = tensor.Of(data, 2, 2)
	fmt.Println(errors.Is(err, tensor.ErrShape))
	// Output:
	// f32[2,3] <nil>
	// true
}

// The numbers of half precision are those of github.com/x448/float16.
func ExampleOf_float16() {
	x, err := tensor.Of([]float16.Float16{float16.Fromfloat32(0.5), float16.Fromfloat32(-2)})
	fmt.Println(x, x.Float(0), x.Float(1), err)
	// Output: f16[2] 0.5 -2 <nil>
}

func ExampleOfStrings() {
	x, err := tensor.OfStrings([]string{"cat", "dog"}, 1, 2)
	fmt.Println(x, x.Strings(), err)
	// Output: str[1,2] [cat dog] <nil>
}

func ExampleScalar() {
	x := tensor.Scalar(int64(7))
	fmt.Println(x, x.Rank(), x.Len())
	// Output: i64[] 0 1
}

func ExampleFull() {
	x, err := tensor.Full(tensor.BFloat16, 1.5, 2, 2)
	fmt.Println(x, x.Float(3), err)
	// Output: bf16[2,2] 1.5 <nil>
}

// Numbers of types that Go does not have are rounded from float64.
func ExampleFromFloats() {
	x, err := tensor.FromFloats(tensor.Float16, []float64{0.1, 1e-9, 70000}, 3)
	fmt.Println(x, x.Float(0), x.Float(1), x.Float(2), err)
	// Output: f16[3] 0.0999755859375 0 +Inf <nil>
}

// The elements alias the tensor; asking for another type is an error.
func ExampleAs() {
	x := tensor.Must(tensor.Of([]float32{1, 2, 3}))
	v, err := tensor.As[float32](x)
	v[0] = 10
	fmt.Println(v, x.Float(0), err)
	_, err = tensor.As[int32](x)
	fmt.Println(errors.Is(err, tensor.ErrType))
	// Output:
	// [10 2 3] 10 <nil>
	// true
}

// Data sees the elements, or their bits, without asking.
func ExampleData() {
	x := tensor.Must(tensor.Of([]float32{1, -2}))
	fmt.Println(tensor.Data[float32](x))
	fmt.Printf("%x\n", tensor.Data[uint32](x))
	fmt.Println(tensor.Data[float64](x) == nil)
	// Output:
	// [1 -2]
	// [3f800000 c0000000]
	// true
}

func ExampleAt() {
	x := tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3))
	v, err := tensor.At[float32](x, 1, 0)
	fmt.Println(v, err)
	v, err = tensor.At[float32](x, -1, -1)
	fmt.Println(v, err)
	_, err = tensor.At[float32](x, 2, 0)
	fmt.Println(err)
	// Output:
	// 4 <nil>
	// 6 <nil>
	// index [2 0] into f32[2,3]: axis 0 has 2 elements: shape error
}

func ExampleSetAt() {
	x := tensor.Must(tensor.New(tensor.Int64, 2, 2))
	err := tensor.SetAt(x, int64(5), 0, 1)
	fmt.Println(tensor.Data[int64](x), err)
	// Output: [0 5 0 0] <nil>
}

func ExampleRows() {
	x := tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2))
	for i, row := range tensor.Rows[float32](x) {
		fmt.Println(i, row)
	}
	// Output:
	// 0 [1 2]
	// 1 [3 4]
	// 2 [5 6]
}

func ExampleIndexed() {
	x := tensor.Must(tensor.Of([]int64{7, 8, 9, 10}, 2, 2))
	for index, v := range tensor.Indexed[int64](x) {
		fmt.Println(index, v)
	}
	// Output:
	// [0 0] 7
	// [0 1] 8
	// [1 0] 9
	// [1 1] 10
}

// A view shares the elements, a clone does not.
func ExampleTensor_Reshape() {
	x := tensor.Must(tensor.Of([]float32{1, 2, 3, 4}, 2, 2))
	view, err := x.Reshape(4)
	clone := x.Clone()
	tensor.Data[float32](view)[0] = 9
	fmt.Println(view, err, x.Float(0), clone.Float(0))
	// Output: f32[4] <nil> 9 1
}

func ExampleOfElems() {
	seq, err := tensor.OfElems(tensor.Sequence, tensor.Ints(1, 2), tensor.Ints(3))
	fmt.Println(seq, seq.Elems(), err)
	// Output: seq(2) [i64[2] i64[1]] <nil>
}
