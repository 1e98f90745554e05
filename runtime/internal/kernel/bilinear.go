package kernel

import "math"

// Bilinear is a plane [h, w] between its elements at row y and column x, with zeros outside; 0 at NaN.
func Bilinear[T float32 | float64](plane []T, h, w int, y, x float64) T {
	if !(y > -1 && y < float64(h) && x > -1 && x < float64(w)) {
		return 0
	}
	top, left := math.Floor(y), math.Floor(x)
	fy, fx := y-top, x-left
	r, c := int(top), int(left)
	sum := 0.0
	for i, wy := range [2]float64{1 - fy, fy} {
		for j, wx := range [2]float64{1 - fx, fx} {
			if p, q := r+i, c+j; wy*wx != 0 && p >= 0 && p < h && q >= 0 && q < w {
				sum += wy * wx * float64(plane[p*w+q])
			}
		}
	}
	return T(sum)
}

// BilinearGrad is Bilinear with its derivatives by y and x. To those of the plane's elements it adds grad times their weights, unless dplane is nil.
func BilinearGrad[T float32 | float64](dplane, plane []T, h, w int, y, x, grad float64) (v, dy, dx float64) {
	if !(y > -1 && y < float64(h) && x > -1 && x < float64(w)) {
		return 0, 0, 0
	}
	top, left := math.Floor(y), math.Floor(x)
	fy, fx := y-top, x-left
	r, c := int(top), int(left)
	for i, wy := range [2]float64{1 - fy, fy} {
		for j, wx := range [2]float64{1 - fx, fx} {
			p, q := r+i, c+j
			if p < 0 || p >= h || q < 0 || q >= w {
				continue
			}
			e := float64(plane[p*w+q])
			v += wy * wx * e
			dy += float64(2*i-1) * wx * e
			dx += float64(2*j-1) * wy * e
			if dplane != nil {
				dplane[p*w+q] += T(wy * wx * grad)
			}
		}
	}
	return v, dy, dx
}
