package imaging

import (
	"fmt"
	"math"
	"slices"
)

// Filter says how a picture is scaled. The names, and the results to the bit, are those of Pillow: all filters but Nearest average over all
// pixels that a smaller picture's pixel stands for, so that none is skipped (antialiasing).
type Filter int

// The filters. The zero Filter is Bilinear.
const (
	Bilinear Filter = iota
	Nearest
	Box
	Hamming
	Bicubic
	Lanczos
)

var filterNames = []string{Bilinear: "bilinear", Nearest: "nearest", Box: "box", Hamming: "hamming", Bicubic: "bicubic", Lanczos: "lanczos"}

func (f Filter) String() string {
	if f < 0 || int(f) >= len(filterNames) {
		return fmt.Sprintf("Filter(%d)", int(f))
	}
	return filterNames[f]
}

// FilterByName is the filter that String names.
func FilterByName(name string) (Filter, bool) {
	i := slices.Index(filterNames, name)
	return Filter(max(i, 0)), i >= 0
}

// support is how far the filter reaches, in pixels of the larger of the two pictures.
func (f Filter) support() float64 {
	switch f {
	case Box:
		return 0.5
	case Bicubic:
		return 2
	case Lanczos:
		return 3
	}
	return 1
}

// weight is the filter's value at a distance.
func (f Filter) weight(x float64) float64 {
	switch f {
	case Box:
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	case Hamming:
		if x = math.Abs(x); x == 0 {
			return 1
		} else if x >= 1 {
			return 0
		}
		x *= math.Pi
		return math.Sin(x) / x * (0.54 + 0.46*math.Cos(x))
	case Bicubic: // Keys' kernel with a = −1/2
		const a = -0.5
		switch x = math.Abs(x); {
		case x < 1:
			return ((a+2)*x-(a+3))*x*x + 1
		case x < 2:
			return (((x-5)*x+8)*x - 4) * a
		}
		return 0
	case Lanczos:
		if x >= -3 && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	}
	return max(0, 1-math.Abs(x))
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// fixed is the number of binary places of the weights: pixels and their sums fit 32 bits with it.
const fixed = 32 - 8 - 2

// taps are the weights of one pixel of the result: of the pixels from first on.
type taps struct {
	first  int
	weight []int32
}

// tapsOf are the weights for scaling from in to out pixels.
func tapsOf(in, out int, f Filter) []taps {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	reach := f.support() * wide
	all := make([]taps, out)
	for i := range all {
		center := (float64(i) + 0.5) * scale
		lo, hi := max(0, int(center-reach+0.5)), min(in, int(center+reach+0.5))
		w := make([]float64, hi-lo)
		sum := 0.0
		for k := range w {
			w[k] = f.weight((float64(k+lo) - center + 0.5) * (1 / wide))
			sum += w[k]
		}
		t := taps{lo, make([]int32, len(w))}
		for k, v := range w {
			if sum != 0 {
				v *= 1 / sum
			}
			t.weight[k] = int32(math.Trunc(v*(1<<fixed) + math.Copysign(0.5, v)))
		}
		all[i] = t
	}
	return all
}

// raster is a picture of bytes: height rows of width pixels of n channels.
type raster struct {
	pix              []uint8
	width, height, n int
}

// resize scales r along one axis, then along the other; pixels are rounded to bytes in between. Rows come first, unless the columns shrink by more than
// twice what the rows do: the order of Pillow 13, where older versions always begin with the rows.
func (r raster) resize(width, height int, f Filter) raster {
	if f == Nearest {
		return r.nearest(width, height)
	}
	if height < r.height && 2*(r.width-width) < r.height-height {
		return r.resizeColumns(height, f).resizeRows(width, f)
	}
	return r.resizeRows(width, f).resizeColumns(height, f)
}

func (r raster) resizeRows(width int, f Filter) raster {
	if width == r.width {
		return r
	}
	out := raster{make([]uint8, width*r.height*r.n), width, r.height, r.n}
	for x, t := range tapsOf(r.width, width, f) {
		for y := range r.height {
			t.apply(out.pix[(y*width+x)*r.n:][:r.n], r.pix[(y*r.width+t.first)*r.n:], r.n)
		}
	}
	return out
}

func (r raster) resizeColumns(height int, f Filter) raster {
	if height == r.height {
		return r
	}
	row := r.width * r.n
	out := raster{make([]uint8, height*row), r.width, height, r.n}
	for y, t := range tapsOf(r.height, height, f) {
		for x := range row {
			t.apply(out.pix[y*row+x:][:1], r.pix[t.first*row+x:], row)
		}
	}
	return out
}

// apply computes the channels of one pixel from pixels that are step bytes apart.
func (t taps) apply(dst, src []uint8, step int) {
	for c := range dst {
		sum := int32(1 << (fixed - 1))
		for k, w := range t.weight {
			sum += int32(src[k*step+c]) * w
		}
		dst[c] = uint8(min(max(sum>>fixed, 0), 255))
	}
}

func (r raster) nearest(width, height int) raster {
	out := raster{make([]uint8, width*height*r.n), width, height, r.n}
	sx, sy := float64(r.width)/float64(width), float64(r.height)/float64(height)
	col := make([]int, width)
	for x, at := 0, sx*0.5; x < width; x, at = x+1, at+sx {
		col[x] = min(int(at), r.width-1)
	}
	for y, at := 0, sy*0.5; y < height; y, at = y+1, at+sy {
		row := r.pix[min(int(at), r.height-1)*r.width*r.n:]
		for x, k := range col {
			copy(out.pix[(y*width+x)*r.n:][:r.n], row[k*r.n:])
		}
	}
	return out
}
