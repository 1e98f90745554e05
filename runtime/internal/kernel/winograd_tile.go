package kernel

import "math"

// Winograd's minimal filtering F(m×m, 3×3) (https://arxiv.org/abs/1509.09308) computes m × m results of a 3 × 3 convolution from a patch of n × n pixels,
// n = m + 2, with n² products in place of 9m²: 36 for 144 with m = 4, 16 for 36 with m = 2. With polynomials that are evaluated at n − 1 points
// and at infinity (Toom and Cook),
//
//	Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A     g the kernel, d the patch; summed over the channels inside of the brackets
//
// F(4,3) uses the points 0, ±5/8, ±3/2, ∞. The usual 0, ±1, ±2, ∞ save two multiplications in Aᵀ and lose one more decimal: powers of 2 reach 8, and what was
// multiplied by them cancels again. Powers of 5/8 and 3/2 stay closer together, and all constants are exact in float32. With them the
// error is about twice that of a direct convolution in float32; with the usual points it is eight times that.
const (
	wA, wB               = 5. / 8, 3. / 2
	wA2, wB2, wA3, wB3   = wA * wA, wB * wB, wA * wA * wA, wB * wB * wB
	wProduct, wSum       = wA2 * wB2, wA2 + wB2
	winogradLanes        = 16
	winogradMaxPatch     = 6
	winogradMaxPositions = winogradMaxPatch * winogradMaxPatch
)

// winogradG is G, by the size m of a tile.
func winogradG(m int) [][3]float64 {
	if m == 2 {
		return [][3]float64{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}}
	}
	const na, nb = 2 * wA2 * (wA2 - wB2), 2 * wB2 * (wB2 - wA2)
	return [][3]float64{
		{1 / wProduct, 0, 0},
		{1 / na, wA / na, wA2 / na}, {1 / na, -wA / na, wA2 / na},
		{1 / nb, wB / nb, wB2 / nb}, {1 / nb, -wB / nb, wB2 / nb},
		{0, 0, 1},
	}
}

// winogradInput is the input transform of count patches. Assembly knows the fields by their offsets.
type winogradInput struct {
	rows  [winogradMaxPatch][]float32 // the rows of the first patch, from its first column inside the image on
	step  [winogradMaxPatch]int       // elements to the same row of the next patch
	dst   []float32                   // position ξ is at dst[ξ*plane:], 16 lanes
	plane int                         // elements from position to position
	next  int                         // elements from patch to patch in dst
	count int
	left  int // columns of the patch that lie left of the image
	mask  int // bit x: column x lies inside; the others are zero
}

// runGo is the contract of the input transform: V = Bᵀ d B for every lane.
func (w *winogradInput) runGo(m int) {
	n := m + 2
	for p := range w.count {
		for lane := range winogradLanes {
			var d [winogradMaxPatch][winogradMaxPatch]float32
			for y := range n {
				for x := range n {
					if w.mask>>x&1 != 0 {
						d[y][x] = w.rows[y][p*w.step[y]+(x-w.left)*winogradLanes+lane]
					}
				}
			}
			for x := range n {
				var c [winogradMaxPatch]float32
				for y := range n {
					c[y] = d[y][x]
				}
				winogradB(&c, m)
				for y := range n {
					d[y][x] = c[y]
				}
			}
			for y := range n {
				winogradB(&d[y], m)
				for x := range n {
					w.dst[p*w.next+(y*n+x)*w.plane+lane] = d[y][x]
				}
			}
		}
	}
}

// winogradB is d = Bᵀ d.
func winogradB(d *[winogradMaxPatch]float32, m int) {
	d0, d1, d2, d3, d4, d5 := d[0], d[1], d[2], d[3], d[4], d[5]
	if m == 2 {
		d[0], d[1], d[2], d[3] = d0-d2, d1+d2, d2-d1, d3-d1
		return
	}
	a, b := fma32(-wB2, d2, d4), fma32(-wB2, d1, d3)
	e, f := fma32(-wA2, d2, d4), fma32(-wA2, d1, d3)
	d[0] = fma32(wProduct, d0, fma32(-wSum, d2, d4))
	d[1], d[2] = fma32(wA, b, a), fma32(-wA, b, a)
	d[3], d[4] = fma32(wB, f, e), fma32(-wB, f, e)
	d[5] = fma32(wProduct, d1, fma32(-wSum, d3, d5))
}

// winogradOutput is the output transform of count tiles. Assembly knows the fields by their offsets.
type winogradOutput struct {
	m, dst, res, bias       []float32 // position ξ is at m[ξ*plane:], 16 lanes; res nil without
	plane                   int       // elements from position to position
	mNext, dstNext, resNext int       // elements from tile to tile
	biasNext                int
	dstRow, resRow          int // elements from row to row
	rows, cols              int // of the result that exist, at least 1 of each
	count                   int
	clamp                   uint32 // 1: keep the result between lo and hi
	lo, hi                  float32
}

// runGo is the contract of the output transform: Aᵀ M A + bias + res for every lane. NaN passes the clamp.
func (w *winogradOutput) runGo(m int) {
	n := m + 2
	for t := range w.count {
		for lane := range winogradLanes {
			var d [winogradMaxPatch][winogradMaxPatch]float32
			for x := range n {
				var c [winogradMaxPatch]float32
				for y := range n {
					c[y] = w.m[t*w.mNext+(y*n+x)*w.plane+lane]
				}
				winogradA(&c, m)
				for y := range m {
					d[y][x] = c[y]
				}
			}
			for y := range w.rows {
				winogradA(&d[y], m)
				for x := range w.cols {
					s := d[y][x] + w.bias[t*w.biasNext+lane]
					if w.res != nil {
						s += w.res[t*w.resNext+y*w.resRow+x*winogradLanes+lane]
					}
					if w.clamp != 0 {
						if s < w.lo {
							s = w.lo
						}
						if s > w.hi {
							s = w.hi
						}
					}
					w.dst[t*w.dstNext+y*w.dstRow+x*winogradLanes+lane] = s
				}
			}
		}
	}
}

// winogradA is the first m elements of d = Aᵀ d.
func winogradA(d *[winogradMaxPatch]float32, m int) {
	p, q := d[1]+d[2], d[1]-d[2]
	if m == 2 {
		d[0], d[1] = d[0]+p, q+d[3]
		return
	}
	r, s := d[3]+d[4], d[3]-d[4]
	d[0] = p + d[0] + r
	d[1] = fma32(wB, s, wA*q)
	d[2] = fma32(wB2, r, wA2*p)
	d[3] = fma32(wB3, s, wA3*q) + d[5]
}

// winogradProduct multiplies m rows of V with a panel of U, for count positions. Assembly knows the fields by their offsets.
type winogradProduct struct {
	a, b, c        []float32
	lda, k         int // elements from row to row of a, and of a row
	aPlane, cPlane int // elements from position to position; in b they lie side by side
	count          int
}

// runGo is the contract of the products: every element is a sum over k, in order, of products that are not rounded before they are added.
func (w *winogradProduct) runGo(m, width int) {
	for p := range w.count {
		for i := range m {
			row := w.a[p*w.aPlane+i*w.lda:][:w.k]
			c := w.c[p*w.cPlane+i*width:][:width]
			clear(c)
			for k, v := range row {
				for j, u := range w.b[(p*w.k+k)*width:][:width] {
					c[j] = fma32(v, u, c[j])
				}
			}
		}
	}
}

// fma32 is x·y + z with one rounding, but for rare ties.
func fma32(x, y, z float32) float32 { return float32(math.FMA(float64(x), float64(y), float64(z))) }
