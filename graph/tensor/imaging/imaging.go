// Package imaging turns pictures into the tensors that image models take.
package imaging

import (
	"fmt"
	"image"
	_ "image/jpeg" // formats that Decode reads
	_ "image/png"
	"io"

	"golang.org/x/image/draw"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Options say how the pixels, 0 to 255, become numbers: (pixel·Scale − Mean[c]) / Std[c].
type Options struct {
	Scale float64   // 0 means 1/255 for floating-point tensors and 1 for integers
	Mean  []float64 // one for all channels, or one each
	Std   []float64
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
	rgba := image.NewNRGBA(image.Rect(0, 0, w, h))
	if img.Bounds().Dx() == w && img.Bounds().Dy() == h {
		draw.Draw(rgba, rgba.Bounds(), img, img.Bounds().Min, draw.Src)
	} else {
		draw.BiLinear.Scale(rgba, rgba.Bounds(), img, img.Bounds(), draw.Src, nil)
	}
	scale := o.Scale
	if scale == 0 {
		if scale = 1; d.IsFloat() {
			scale = 1.0 / 255
		}
	}
	wide := make([]float64, h*w*channels)
	strides := tensor.Shape(shape).Strides()
	for y := range h {
		for x := range w {
			p := rgba.Pix[rgba.PixOffset(x, y):]
			for c := range channels {
				v := float64(0)
				if channels == 1 { // ITU-R BT.601 luma, as Pillow converts
					v = (299*float64(p[0]) + 587*float64(p[1]) + 114*float64(p[2])) / 1000
				} else {
					v = float64(p[c])
				}
				k := y*strides[l.h] + x*strides[l.w]
				if l.c >= 0 {
					k += c * strides[l.c]
				}
				wide[k] = (v*scale - pick(o.Mean, c, 0)) / pick(o.Std, c, 1)
			}
		}
	}
	return tensor.FromFloats(d, wide, shape...)
}

func pick(v []float64, c int, none float64) float64 {
	if len(v) == 0 {
		return none
	}
	return v[min(c, len(v)-1)]
}
