package data

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Resize scales pictures of float32 to Height×Width: bilinear, with pixels as squares (PyTorch's align_corners=False), and where it makes them smaller each pixel is
// the mean of those that it covers, weighed by a triangle (antialias=True).
type Resize struct{ Height, Width int }

func (s Resize) Out(in Field) (Field, error) {
	_, _, err := plane(in)
	switch {
	case err != nil:
	case in.DType != tensor.Float32:
		err = fmt.Errorf("normalize it to float32 first: %w", tensor.ErrType)
	case s.Height < 1 || s.Width < 1 || s.Height > 1<<15 || s.Width > 1<<15:
		err = fmt.Errorf("a picture of %d×%d: %w", s.Height, s.Width, tensor.ErrShape)
	default:
		in.Shape = in.Shape.Clone()
		in.Shape[len(in.Shape)-2], in.Shape[len(in.Shape)-1] = s.Height, s.Width
	}
	return in, err
}

func (s Resize) Apply(dst, src *tensor.Tensor, _ *Rand) error {
	n := dst.Rank()
	h, w := src.Dim(n-2), src.Dim(n-1)
	rows, cols := triangles(h, s.Height), triangles(w, s.Width)
	in, out := tensor.Data[float32](src), tensor.Data[float32](dst)
	lines := make([]float64, h*s.Width)
	for c := range len(in) / (h * w) {
		for y := range h {
			line := in[(c*h+y)*w:][:w]
			for x, t := range cols {
				sum := 0.0
				for k, f := range t.weights {
					sum += f * float64(line[t.from+k])
				}
				lines[y*s.Width+x] = sum
			}
		}
		for y, t := range rows {
			for x := range s.Width {
				sum := 0.0
				for k, f := range t.weights {
					sum += f * lines[(t.from+k)*s.Width+x]
				}
				out[(c*s.Height+y)*s.Width+x] = float32(sum)
			}
		}
	}
	return nil
}

// triangle weighs what one new pixel is made of.
type triangle struct {
	from    int
	weights []float64
}

// triangles are those of an axis of n pixels that gets size.
func triangles(n, size int) []triangle {
	list := make([]triangle, size)
	scale := float64(n) / float64(size)
	support := max(scale, 1)
	for i := range list {
		middle := (float64(i)+0.5)*scale - 0.5
		from := max(int(math.Ceil(middle-support)), 0)
		to := min(int(math.Floor(middle+support)), n-1)
		t := triangle{from: from}
		sum := 0.0
		for k := from; k <= to; k++ {
			f := max(1-math.Abs(float64(k)-middle)/support, 0)
			t.weights = append(t.weights, f)
			sum += f
		}
		for k := range t.weights {
			t.weights[k] /= sum
		}
		list[i] = t
	}
	return list
}
