// Package imaging turns pictures into the tensors that image models take.
package imaging

import (
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg" // formats that Decode reads
	_ "image/png"
	"io"
	"math"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Options say how the pixels, 0 to 255, become numbers, (pixel·Scale − Mean[c]) / Std[c], and back.
type Options struct {
	Scale  float64   // 0 means 1/255 for floating-point tensors and 1 for integers
	Mean   []float64 // one for all channels, or one each
	Std    []float64
	Filter Filter // for pictures of another size than the tensor's
}

func (o Options) scale(d tensor.DType) float64 {
	switch {
	case o.Scale != 0:
		return o.Scale
	case d.IsFloat():
		return 1.0 / 255
	}
	return 1
}

// maxPixels bounds pictures before they are decoded.
const maxPixels = 1 << 26

// Decode reads a PNG or JPEG picture of at most 64 megapixels.
func Decode(r io.ReadSeeker) (image.Image, error) {
	cfg, _, err := image.DecodeConfig(r)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	if cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > maxPixels/cfg.Height {
		return nil, fmt.Errorf("picture of %d×%d pixels is larger than %d pixels", cfg.Width, cfg.Height, maxPixels)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	img, _, err := image.Decode(r)
	return img, err
}

// layout is where a shape keeps height, width and channels; -1 for an axis it does not have.
type layout struct{ h, w, c int }

// layoutOf guesses NCHW, NHWC, CHW, HWC, NHW or HW from the sizes of a shape, in which -1 stands for any size: channels are an axis of 1, 3 or 4.
func layoutOf(shape []int) (layout, error) {
	n := len(shape)
	isC := func(i int) bool { return shape[i] == 1 || shape[i] == 3 || shape[i] == 4 }
	switch {
	case n == 4 && isC(1), n == 3 && isC(0) && shape[0] != 1, n == 3 && isC(0) && !isC(2):
		return layout{n - 2, n - 1, n - 3}, nil
	case (n == 4 || n == 3) && isC(n-1):
		return layout{n - 3, n - 2, n - 1}, nil
	case n == 2 || n == 3:
		return layout{n - 2, n - 1, -1}, nil
	}
	return layout{}, fmt.Errorf("an input of shape %v is not a picture: want 1, 3 or 4 channels: %w", shape, tensor.ErrShape)
}

// ToTensor scales the picture to the height and width of shape and lays it out as shape asks (see layoutOf); sizes of -1 are
// taken from the picture, a leading batch becomes 1. One channel gives luminance, three RGB, four RGBA.
func ToTensor(img image.Image, d tensor.DType, shape []int, o Options) (*tensor.Tensor, error) {
	l, err := layoutOf(shape)
	if err != nil {
		return nil, err
	}
	shape = append([]int{}, shape...)
	for i, n := range shape {
		switch {
		case i == l.h && n < 0:
			shape[i] = img.Bounds().Dy()
		case i == l.w && n < 0:
			shape[i] = img.Bounds().Dx()
		case i != l.h && i != l.w && i != l.c && n < 0:
			shape[i] = 1
		case i != l.h && i != l.w && i != l.c && n != 1:
			return nil, fmt.Errorf("one picture for a batch of %d: %w", n, tensor.ErrShape)
		}
	}
	h, w, channels := shape[l.h], shape[l.w], 1
	if l.c >= 0 {
		channels = shape[l.c]
	}
	if h <= 0 || w <= 0 || h > maxPixels/w {
		return nil, fmt.Errorf("picture of %d×%d: %w", w, h, tensor.ErrShape)
	}
	if channels > 4 {
		return nil, fmt.Errorf("a picture with %d channels: %w", channels, tensor.ErrShape)
	}
	r := rasterOf(img, channels)
	if r.width != w || r.height != h {
		r = r.scaled(w, h, o.Filter)
	}
	scale := o.scale(d)
	wide := make([]float64, h*w*channels)
	strides := tensor.Shape(shape).Strides()
	for i, v := range r.pix {
		c, x, y := i%channels, i/channels%w, i/channels/w
		k := y*strides[l.h] + x*strides[l.w]
		if l.c >= 0 {
			k += c * strides[l.c]
		}
		wide[k] = (float64(v)*scale - pick(o.Mean, c, 0)) / pick(o.Std, c, 1)
	}
	return tensor.FromFloats(d, wide, shape...)
}

// FromTensor is the picture in t, which ToTensor with the same options would have made of it: gray of one channel, RGB of three, RGBA of four; a leading batch
// must be 1. Numbers outside of what a pixel holds become black or white, and NaN black.
func FromTensor(t *tensor.Tensor, o Options) (image.Image, error) {
	l, err := layoutOf(t.Shape())
	if err != nil {
		return nil, err
	}
	h, w, channels := t.Dim(l.h), t.Dim(l.w), 1
	if l.c >= 0 {
		channels = t.Dim(l.c)
	}
	if h*w*channels != t.Len() || t.Len() == 0 || channels == 2 || channels > 4 || t.DType() == tensor.String || t.DType().IsComplex() {
		return nil, fmt.Errorf("%s is not one picture: %w", t, tensor.ErrShape)
	}
	scale := o.scale(t.DType())
	strides := t.Shape().Strides()
	at := func(x, y, c int) uint8 {
		k := y*strides[l.h] + x*strides[l.w]
		if l.c >= 0 {
			k += c * strides[l.c]
		}
		v := (t.Float(k)*pick(o.Std, c, 1) + pick(o.Mean, c, 0)) / scale
		if !(v > 0) {
			return 0
		}
		return uint8(min(math.RoundToEven(v), 255))
	}
	if channels == 1 {
		img := image.NewGray(image.Rect(0, 0, w, h))
		for i := range img.Pix {
			img.Pix[i] = at(i%w, i/w, 0)
		}
		return img, nil
	}
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range h * w {
		p := img.Pix[4*i:][:4]
		p[3] = 255
		for c := range channels {
			p[c] = at(i%w, i/w, c)
		}
	}
	return img, nil
}

// Resize scales a picture to width × height pixels, as Pillow's Image.resize does with the filter of that name.
func Resize(img image.Image, width, height int, f Filter) (*image.NRGBA, error) {
	if width <= 0 || height <= 0 || width > maxPixels/height || img.Bounds().Empty() {
		return nil, fmt.Errorf("picture of %v scaled to %d×%d: %w", img.Bounds().Size(), width, height, tensor.ErrShape)
	}
	r := rasterOf(img, 4).scaled(width, height, f)
	return &image.NRGBA{Pix: r.pix, Stride: 4 * width, Rect: image.Rect(0, 0, width, height)}, nil
}

// rasterOf are the pixels of a picture: its luminance, as Pillow's conversion to L rounds it, or its red, green, blue and alpha.
func rasterOf(img image.Image, channels int) raster {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	rgba, ok := img.(*image.NRGBA)
	if !ok || rgba.Stride != 4*w || rgba.Rect.Min != (image.Point{}) {
		rgba = image.NewNRGBA(image.Rect(0, 0, w, h))
		draw.Draw(rgba, rgba.Bounds(), img, img.Bounds().Min, draw.Src)
	}
	r := raster{make([]uint8, w*h*channels), w, h, channels}
	for i := range w * h {
		p := rgba.Pix[4*i:][:4]
		if channels == 1 { // ITU-R BT.601 luma in 16 binary places
			r.pix[i] = uint8((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
		} else {
			copy(r.pix[i*channels:][:channels], p)
		}
	}
	return r
}

// scaled is resize that weighs colors by their alpha.
func (r raster) scaled(width, height int, f Filter) raster {
	if r.n != 4 || f == Nearest {
		return r.resize(width, height, f)
	}
	for i := 0; i < len(r.pix); i += 4 {
		p := r.pix[i:][:4]
		for c := range 3 {
			v := uint32(p[c])*uint32(p[3]) + 128
			p[c] = uint8((v>>8 + v) >> 8)
		}
	}
	r = r.resize(width, height, f)
	for i := 0; i < len(r.pix); i += 4 {
		p := r.pix[i:][:4]
		if a := uint32(p[3]); a != 0 && a != 255 {
			for c := range 3 {
				p[c] = uint8(min(255*uint32(p[c])/a, 255))
			}
		}
	}
	return r
}

func pick(v []float64, c int, none float64) float64 {
	if len(v) == 0 {
		return none
	}
	return v[min(c, len(v)-1)]
}
