package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
)

// goldens are what scripts/pillow.py made with Pillow 13.0.0.
func goldens(t *testing.T) map[string]*tensor.Tensor {
	b, err := os.ReadFile("testdata/pillow.npz")
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadZip(bytes.NewReader(b), int64(len(b)), 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]*tensor.Tensor{}
	for _, a := range arrays {
		m[a.Name] = a.Tensor
	}
	return m
}

// TestPillow: every byte of every filter, mode and size.
func TestPillow(t *testing.T) {
	all := goldens(t)
	src := all["source"]
	picture := &image.NRGBA{Pix: src.Bytes(), Stride: 4 * src.Dim(1), Rect: image.Rect(0, 0, src.Dim(1), src.Dim(0))}
	compared := 0
	for name, want := range all {
		part := strings.Split(name, "_")
		f, ok := FilterByName(part[0])
		if !ok {
			continue
		}
		h, w := want.Dim(0), want.Dim(1)
		shape := []int{h, w, map[string]int{"L": 1, "RGB": 3, "RGBA": 4}[part[1]]}
		got, err := ToTensor(picture, tensor.Uint8, shape, Options{Filter: f})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			n, first := 0, -1
			for i, v := range got.Bytes() {
				if v != want.Bytes()[i] {
					if n++; first < 0 {
						first = i
					}
				}
			}
			t.Errorf("%s: %d of %d bytes differ; [%d] is %d, want %d", name, n, want.Len(), first, got.Bytes()[first], want.Bytes()[first])
		}
		if part[1] == "RGBA" {
			img, err := Resize(picture, w, h, f)
			if err != nil || !bytes.Equal(img.Pix, want.Bytes()) {
				t.Errorf("%s: Resize differs: %v", name, err)
			}
		}
		compared++
	}
	if compared != 6*3*4 {
		t.Errorf("%d pictures compared, want 72", compared)
	}
}

// TestRoundTrip: what ToTensor makes of a picture is made into the same picture again.
func TestRoundTrip(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * 11)
	}
	o := Options{Mean: []float64{0.485, 0.456, 0.406}, Std: []float64{0.229, 0.224, 0.225}}
	for _, c := range []struct {
		shape []int
		d     tensor.DType
		o     Options
	}{{[]int{1, 4, 2, 3}, tensor.Float32, Options{}}, {[]int{2, 3, 4}, tensor.Uint8, Options{}}, {[]int{1, 3, -1, -1}, tensor.Float32, o}, {[]int{1, 2, 3, 3}, tensor.Float64, o},
		{[]int{2, 3}, tensor.Float32, Options{}}, {[]int{-1, 1, 2, 3}, tensor.Uint8, Options{}}} {
		x, err := ToTensor(img, c.d, c.shape, c.o)
		if err != nil {
			t.Fatalf("%v: %v", c.shape, err)
		}
		back, err := FromTensor(x, c.o)
		if err != nil {
			t.Fatalf("%v: %v", c.shape, err)
		}
		again, err := ToTensor(back, c.d, x.Shape(), c.o)
		if err != nil || !bytes.Equal(x.Bytes(), again.Bytes()) {
			t.Errorf("%v: %v became %v, %v", c.shape, x, again, err)
		}
	}
}

func TestErrors(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 4, 4))
	for _, shape := range [][]int{{2, 3, 4, 4}, {1, 3, 0, 4}, {1, 3, 1 << 20, 1 << 20}, {4}, nil, {1, 1, 1, 1, 1}} {
		if _, err := ToTensor(img, tensor.Float32, shape, Options{}); !errors.Is(err, tensor.ErrShape) {
			t.Errorf("shape %v: %v", shape, err)
		}
	}
	for _, x := range []*tensor.Tensor{tensor.Must(tensor.New(tensor.Float32, 2, 3, 4, 4)), tensor.Must(tensor.New(tensor.Float32, 1, 3, 0, 4)), tensor.Scalar(float32(1))} {
		if _, err := FromTensor(x, Options{}); !errors.Is(err, tensor.ErrShape) {
			t.Errorf("%s: %v", x, err)
		}
	}
	if _, err := Resize(img, 0, 5, Bicubic); !errors.Is(err, tensor.ErrShape) {
		t.Errorf("no width: %v", err)
	}
	if _, err := Resize(image.NewGray(image.Rectangle{}), 5, 5, Bicubic); !errors.Is(err, tensor.ErrShape) {
		t.Errorf("no pixels: %v", err)
	}
	if _, err := Decode(strings.NewReader("no picture")); err == nil {
		t.Error("text is decoded as a picture")
	}
	extreme := tensor.Must(tensor.Of([]float32{float32(math.NaN()), float32(math.Inf(1)), -5, 0.5}, 2, 2))
	got, err := FromTensor(extreme, Options{})
	if err != nil || !bytes.Equal(got.(*image.Gray).Pix, []byte{0, 255, 0, 128}) {
		t.Errorf("%v, %v", got, err)
	}
}

func ExampleToTensor() {
	img := image.NewGray(image.Rect(0, 0, 2, 2))
	img.Set(0, 0, color.White)
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		fmt.Println(err)
		return
	}
	picture, err := Decode(bytes.NewReader(file.Bytes()))
	if err != nil {
		fmt.Println(err)
		return
	}
	x, err := ToTensor(picture, tensor.Float32, []int{1, 1, -1, -1}, Options{})
	fmt.Println(x, tensor.Data[float32](x), err)
	// Output: f32[1,1,2,2] [1 0 0 0] <nil>
}

func ExampleFromTensor() {
	img, err := FromTensor(tensor.Must(tensor.Of([]float32{0, 0.5, 1, 1}, 2, 2)), Options{})
	fmt.Println(img.(*image.Gray).Pix, err)
	// Output: [0 128 255 255] <nil>
}
