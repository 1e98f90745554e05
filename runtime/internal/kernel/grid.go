package kernel

import "math"

// Padding says what stands outside of a tensor that is sampled.
type Padding uint8

const (
	PadZeros   Padding = iota // zeros
	PadBorder                 // the nearest element
	PadReflect                // the mirror image at the border, which lies in the last elements when Corners is set, else half a step out
)

// Sampler finds, for a position between the elements of up to three axes, which elements have what weight.
type Sampler struct {
	In      [3]int // extents; leading ones are 1 where there are fewer axes
	Axes    int    // the last Axes of them are sampled
	Taps    int    // per axis: 1 the nearest, 2 linear, 4 cubic (Keys with a = -0.75)
	Pad     Padding
	Corners bool // -1 and 1 are the centres of the first and last element, not their outer edges
}

// Sample writes the index and the weight of every element that counts at the normalized position pos (outermost axis first, -1 … 1 inside), and returns how many
// there are: at most Taps to the power of Axes.
func (s *Sampler) Sample(pos *[3]float64, index *[64]int64, weight *[64]float64) int {
	n := 1
	index[0], weight[0] = 0, 1
	for a := 3 - s.Axes; a < 3; a++ {
		var at [4]int
		var w [4]float64
		k := s.axis(a, pos[a], &at, &w, nil)
		if k == 0 {
			return 0
		}
		for j := k - 1; j >= 0; j-- { // tap 0 last, as it takes the place of what is there
			for i := range n {
				index[j*n+i] = index[i]*int64(s.In[a]) + int64(at[j])
				weight[j*n+i] = weight[i] * w[j]
			}
		}
		n *= k
	}
	return n
}

// axis is Sample for one axis. With d it also gives the derivatives of the weights by pos, and keeps weights of 0.
func (s *Sampler) axis(a int, pos float64, at *[4]int, w, d *[4]float64) int {
	l := float64(s.In[a])
	lo, hi := -.5, l-.5
	x, slope := ((pos+1)*l-1)/2, l/2
	if s.Corners {
		lo, hi = 0, l-1
		x, slope = (pos+1)/2*(l-1), (l-1)/2
	}
	if s.Taps == 1 {
		x = math.RoundToEven(x)
	}
	switch {
	case s.Pad == PadZeros:
		if !(x > -8 && x < l+8) {
			return 0
		}
	case x != x:
		x = 0
	case s.Pad == PadBorder:
		if !(x > 0 && x < l-1) {
			slope = 0
		}
		x = min(max(x, 0), l-1)
	default:
		if math.Mod(math.Floor((x-lo)/(hi-lo)), 2) != 0 { // mirrored
			slope = -slope
		}
		x = reflect(x, lo, hi)
	}
	left := math.Floor(x)
	f := x - left
	first, coeff := int(left), [4]float64{1}
	switch s.Taps {
	case 2:
		coeff[0], coeff[1] = 1-f, f
	case 4:
		first--
		coeff[0], coeff[1], coeff[2], coeff[3] = keysFar(1+f), keysNear(f), keysNear(1-f), keysFar(2-f)
	}
	var steep [4]float64
	if d != nil {
		steep = slopes(s.Taps, f)
	}
	n := 0
	for k := range s.Taps {
		i := first + k
		if i < 0 || i >= s.In[a] {
			switch s.Pad {
			case PadZeros:
				continue
			case PadBorder:
				i = min(max(i, 0), s.In[a]-1)
			default:
				i = min(max(int(reflect(float64(i), lo, hi)), 0), s.In[a]-1)
			}
		}
		if d != nil {
			d[n] = steep[k] * slope
		}
		if coeff[k] != 0 || d != nil {
			at[n], w[n] = i, coeff[k]
			n++
		}
	}
	return n
}

// reflect mirrors x at lo and hi until it lies between them.
func reflect(x, lo, hi float64) float64 {
	r := hi - lo
	if r <= 0 || math.IsInf(x, 0) {
		return lo
	}
	d := math.Mod(math.Abs(x-lo), 2*r)
	if d > r {
		d = 2*r - d
	}
	return lo + d
}

// keysNear and keysFar are Keys' cubic convolution kernel with a = -0.75 at distances up to 1 and from 1 to 2.
func keysNear(d float64) float64 { return (1.25*d-2.25)*d*d + 1 }
func keysFar(d float64) float64  { return ((-.75*d+3.75)*d-6)*d + 3 }
