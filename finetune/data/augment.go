package data

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// plane is the height and width of the pictures of a field.
func plane(in Field) (h, w int, err error) {
	n := len(in.Shape)
	if n < 2 || in.Shape.Elems() == 0 {
		return 0, 0, fmt.Errorf("%v is no picture: want height and width: %w", in.Shape, tensor.ErrShape)
	}
	return in.Shape[n-2], in.Shape[n-1], nil
}

// fillWith is an element of that type.
func fillWith(d tensor.DType, x float64) ([]byte, error) {
	t, err := tensor.Full(d, x)
	if err != nil {
		return nil, err
	}
	return t.Bytes(), nil
}

// window copies to each channel of dst, h×w, what src has beginning at row y and column x; what is outside of src becomes fill.
func window(dst, src *tensor.Tensor, y, x int, fill float64) error {
	f, err := fillWith(dst.DType(), fill)
	if err != nil {
		return err
	}
	size := dst.DType().Size()
	n := dst.Rank()
	dh, dw, sh, sw := dst.Dim(n-2), dst.Dim(n-1), src.Dim(n-2), src.Dim(n-1)
	lo, hi := min(max(-x, 0), dw), max(min(sw-x, dw), 0) // columns that src has
	for r := range dst.Len() / dw {
		c, row := r/dh, r%dh+y
		out := dst.Bytes()[r*dw*size : (r+1)*dw*size]
		if row < 0 || row >= sh || lo >= hi {
			repeat(out, f)
			continue
		}
		repeat(out[:lo*size], f)
		in := src.Bytes()[(c*sh+row)*sw*size:]
		copy(out[lo*size:hi*size], in[(lo+x)*size:])
		repeat(out[hi*size:], f)
	}
	return nil
}

func repeat(dst, x []byte) {
	for i := 0; i < len(dst); i += len(x) {
		copy(dst[i:], x)
	}
}

// RandomCrop takes a window of Height×Width at a place of chance from the picture with a border of Pad pixels around it.
type RandomCrop struct {
	Height, Width int // 0 keeps the size
	Pad           int
	Fill          float64 // of the border
}

func (c RandomCrop) Out(in Field) (Field, error) {
	h, w, err := plane(in)
	if err != nil {
		return in, err
	}
	oh, ow := c.size(h, w)
	if c.Pad < 0 || c.Pad > 1<<20 || oh <= 0 || ow <= 0 || oh > h+2*c.Pad || ow > w+2*c.Pad {
		return in, fmt.Errorf("a window of %d×%d in %d×%d with a border of %d: %w", oh, ow, h, w, c.Pad, tensor.ErrShape)
	}
	in.Shape = in.Shape.Clone()
	in.Shape[len(in.Shape)-2], in.Shape[len(in.Shape)-1] = oh, ow
	return in, nil
}

func (c RandomCrop) size(h, w int) (int, int) {
	if c.Height != 0 {
		h = c.Height
	}
	if c.Width != 0 {
		w = c.Width
	}
	return h, w
}

func (c RandomCrop) Apply(dst, src *tensor.Tensor, r *Rand) error {
	n := dst.Rank()
	y := r.IntN(src.Dim(n-2)+2*c.Pad-dst.Dim(n-2)+1) - c.Pad
	x := r.IntN(src.Dim(n-1)+2*c.Pad-dst.Dim(n-1)+1) - c.Pad
	return window(dst, src, y, x, c.Fill)
}

// RandomShift moves the picture by up to Y pixels up or down and X pixels left or right.
type RandomShift struct {
	Y, X int
	Fill float64 // of what comes into view
}

func (s RandomShift) Out(in Field) (Field, error) {
	_, _, err := plane(in)
	if err == nil && (s.X < 0 || s.Y < 0 || max(s.X, s.Y) > 1<<20) {
		err = fmt.Errorf("a shift of up to %d and %d pixels", s.Y, s.X)
	}
	return in, err
}

func (s RandomShift) Apply(dst, src *tensor.Tensor, r *Rand) error {
	y, x := r.IntN(2*s.Y+1)-s.Y, r.IntN(2*s.X+1)-s.X
	return window(dst, src, y, x, s.Fill)
}

// RandomFlip mirrors the picture left to right, with probability P; 0 means one half.
type RandomFlip struct{ P float64 }

func (f RandomFlip) Out(in Field) (Field, error) {
	_, _, err := plane(in)
	if err == nil && !(f.P >= 0 && f.P <= 1) {
		err = fmt.Errorf("a probability of %v", f.P)
	}
	return in, err
}

func (f RandomFlip) Apply(dst, src *tensor.Tensor, r *Rand) error {
	p := f.P
	if p == 0 {
		p = 0.5
	}
	if r.Float64() >= p {
		copy(dst.Bytes(), src.Bytes())
		return nil
	}
	w, size := dst.Dim(dst.Rank()-1), dst.DType().Size()
	for at := 0; at < len(src.Bytes()); at += w * size {
		out, in := dst.Bytes()[at:at+w*size], src.Bytes()[at:at+w*size]
		for x := range w {
			copy(out[(w-1-x)*size:(w-x)*size], in[x*size:])
		}
	}
	return nil
}

// Cutout writes over a square at a place of chance, parts of which may lie outside of the picture (https://arxiv.org/abs/1708.04552).
type Cutout struct {
	Size int // of each side
	Fill float64
}

func (c Cutout) Out(in Field) (Field, error) {
	_, _, err := plane(in)
	if err == nil && (c.Size < 0 || c.Size > 1<<20) {
		err = fmt.Errorf("a square of %d pixels", c.Size)
	}
	return in, err
}

func (c Cutout) Apply(dst, src *tensor.Tensor, r *Rand) error {
	f, err := fillWith(dst.DType(), c.Fill)
	if err != nil {
		return err
	}
	copy(dst.Bytes(), src.Bytes())
	n, size := dst.Rank(), dst.DType().Size()
	h, w := dst.Dim(n-2), dst.Dim(n-1)
	y, x := r.IntN(h)-c.Size/2, r.IntN(w)-c.Size/2
	lo, hi := max(x, 0), min(x+c.Size, w)
	for k := 0; k < dst.Len()/(h*w) && lo < hi; k++ {
		for row := max(y, 0); row < min(y+c.Size, h); row++ {
			at := (k*h + row) * w
			repeat(dst.Bytes()[(at+lo)*size:(at+hi)*size], f)
		}
	}
	return nil
}

// RandomAffine turns, scales, shears and moves a picture of float32 about its middle and takes what comes out at whole pixels by bilinear interpolation. Each number
// is drawn from -x to x.
type RandomAffine struct {
	Degrees float64 // counter-clockwise
	Scale   float64 // factors from 1-Scale to 1+Scale
	Shear   float64 // degrees, along rows
	Y, X    float64 // shift, in parts of height and width
	Fill    float64 // of what comes into view
}

func (a RandomAffine) Out(in Field) (Field, error) {
	_, _, err := plane(in)
	switch {
	case err != nil:
	case in.DType != tensor.Float32:
		err = fmt.Errorf("normalize it to float32 first: %w", tensor.ErrType)
	case !(math.Abs(a.Degrees)+math.Abs(a.Y)+math.Abs(a.X) < 1e6):
		err = fmt.Errorf("turns of ±%v degrees and shifts of ±%v and ±%v", a.Degrees, a.Y, a.X)
	case !(a.Scale >= 0 && a.Scale < 1) || !(math.Abs(a.Shear) < 90):
		err = fmt.Errorf("a scale of 1±%v and a shear of ±%v degrees", a.Scale, a.Shear)
	}
	return in, err
}

func (a RandomAffine) Apply(dst, src *tensor.Tensor, r *Rand) error {
	n := dst.Rank()
	h, w := dst.Dim(n-2), dst.Dim(n-1)
	sin, cos := math.Sincos(r.Between(-a.Degrees, a.Degrees) * math.Pi / 180)
	scale := 1 + r.Between(-a.Scale, a.Scale)
	shear := math.Tan(r.Between(-a.Shear, a.Shear) * math.Pi / 180)
	ty, tx := r.Between(-a.Y, a.Y)*float64(h), r.Between(-a.X, a.X)*float64(w)
	// A pixel p of the result comes from (R·S)⁻¹·(p − middle − t) + middle, R the rotation, S scale and shear.
	cy, cx := float64(h-1)/2, float64(w-1)/2
	in, out := tensor.Data[float32](src), tensor.Data[float32](dst)
	for y := range h {
		for x := range w {
			dy, dx := float64(y)-cy-ty, float64(x)-cx-tx
			ry, rx := (sin*dx+cos*dy)/scale, (cos*dx-sin*dy)/scale
			rx -= shear * ry
			bilinear(out[y*w+x:], in, h, w, ry+cy, rx+cx, a.Fill)
		}
	}
	return nil
}

// bilinear writes the first element of each plane of dst with what src has at (y, x).
func bilinear(dst, src []float32, h, w int, y, x, fill float64) {
	fy, fx := math.Floor(y), math.Floor(x)
	wy, wx := y-fy, x-fx
	in := func(r, c float64) (int, bool) {
		return int(r)*w + int(c), r >= 0 && c >= 0 && r < float64(h) && c < float64(w)
	}
	i00, k00 := in(fy, fx)
	i01, k01 := in(fy, fx+1)
	i10, k10 := in(fy+1, fx)
	i11, k11 := in(fy+1, fx+1)
	for at := 0; at < len(dst); at += h * w {
		s := src[at/(h*w)*h*w:]
		value := func(i int, ok bool) float64 {
			if !ok {
				return fill
			}
			return float64(s[i])
		}
		top := value(i00, k00)*(1-wx) + value(i01, k01)*wx
		bottom := value(i10, k10)*(1-wx) + value(i11, k11)*wx
		dst[at] = float32(top*(1-wy) + bottom*wy)
	}
}
