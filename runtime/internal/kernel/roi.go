package kernel

import "math"

// RoiAxis is one axis of a region: bins of extent Bin from Start on, over In elements.
type RoiAxis struct {
	Start, Bin float64
	In         int
	n          float64 // samples per bin
}

// Sampling sets the number of samples per bin to ratio, or for 0 to one for each element that the bin spans.
func (a *RoiAxis) Sampling(ratio int) {
	a.n = float64(ratio)
	if ratio == 0 {
		a.n = math.Ceil(a.Bin)
	}
	if !(a.n > 0) {
		a.n = 0
	}
}

// span are the samples lo to hi-1 of a bin that can lie within one element of the input; the others count as zeros.
func (a *RoiAxis) span(bin int) (lo, hi int) {
	if a.n == 0 {
		return 0, 0
	}
	start, step := a.Start+float64(bin)*a.Bin, a.Bin/a.n
	first, last := 0.0, a.n
	if step > 0 {
		first = max(first, math.Floor((-1-start)/step)-1)
		last = min(last, math.Ceil((float64(a.In)-start)/step)+1)
	}
	if !(first < last && last-first <= 2*float64(a.In)+1<<13) { // the second is so but for infinite regions
		return 0, 0
	}
	return int(first), int(last)
}

// at is where sample i of a bin lies: between elements lo and hi, with the weights 1-f and f. It is not ok more than one element outside.
func (a *RoiAxis) at(bin, i int) (lo, hi int, f float64, ok bool) {
	x := a.Start + float64(bin)*a.Bin + (float64(i)+.5)*a.Bin/a.n
	if !(x >= -1 && x <= float64(a.In)) || a.In == 0 {
		return 0, 0, 0, false
	}
	x = max(x, 0)
	lo = int(x)
	if lo >= a.In-1 {
		return a.In - 1, a.In - 1, 0, true
	}
	return lo, lo + 1, x - float64(lo), true
}

// RoiBin is the mean over the samples of bin (i, j) of a plane, or the largest of the four weighted elements around all samples. It is 0 without samples.
func RoiBin[T float32 | float64](plane []T, v, u *RoiAxis, i, j int, largest bool) T {
	vl, vh := v.span(i)
	ul, uh := u.span(j)
	sum, top := 0.0, math.Inf(-1)
	if float64(vh-vl)*float64(uh-ul) < v.n*u.n {
		top = 0 // a sample outside
	}
	for p := vl; p < vh; p++ {
		y0, y1, fy, okY := v.at(i, p)
		for q := ul; q < uh; q++ {
			x0, x1, fx, okX := u.at(j, q)
			if !okY || !okX {
				top = max(top, 0)
				continue
			}
			a := (1 - fy) * (1 - fx) * float64(plane[y0*u.In+x0])
			b := (1 - fy) * fx * float64(plane[y0*u.In+x1])
			c := fy * (1 - fx) * float64(plane[y1*u.In+x0])
			d := fy * fx * float64(plane[y1*u.In+x1])
			sum += a + b + c + d
			top = max(top, a, b, c, d)
		}
	}
	if v.n*u.n == 0 {
		return 0
	}
	if largest {
		return T(top)
	}
	return T(sum / (v.n * u.n))
}

// RoiBinGrad adds the gradient g of the value that RoiBin gives to those of the elements of the plane that made it.
func RoiBinGrad[T float32 | float64](dplane, plane []T, v, u *RoiAxis, i, j int, largest bool, g T) {
	vl, vh := v.span(i)
	ul, uh := u.span(j)
	if v.n*u.n == 0 {
		return
	}
	top, at, share := math.Inf(-1), -1, 0.0
	if float64(vh-vl)*float64(uh-ul) < v.n*u.n {
		top = 0
	}
	for p := vl; p < vh; p++ {
		y0, y1, fy, okY := v.at(i, p)
		for q := ul; q < uh; q++ {
			x0, x1, fx, okX := u.at(j, q)
			if !okY || !okX {
				if top < 0 {
					top, at = 0, -1
				}
				continue
			}
			for k, w := range [4]float64{(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx} {
				e := [4]int{y0*u.In + x0, y0*u.In + x1, y1*u.In + x0, y1*u.In + x1}[k]
				if !largest {
					dplane[e] += T(float64(g) * w / (v.n * u.n))
				} else if s := w * float64(plane[e]); s > top {
					top, at, share = s, e, w
				}
			}
		}
	}
	if at >= 0 {
		dplane[at] += T(float64(g) * share)
	}
}
