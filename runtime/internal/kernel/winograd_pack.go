package kernel

import "slices"

// WinogradLen is the number of elements of packed 3 × 3 kernels for so many output channels, of tiles of m × m results, m = 2 or 4, where each
// position has so many rows, one for each input channel at least.
func WinogradLen(m, out, rows int) int { return (m + 2) * (m + 2) * rows * ((out + 15) / 16 * 16) }

// WinogradPanels is the number of panels of so many output channels. Each has as many columns as the instruction set likes, but for the last, which
// may have 16.
func WinogradPanels(out int) int {
	_, width := winogradShape()
	return (out + width - 1) / width
}

// WinogradWidth is the most columns of a panel of so many output channels.
func WinogradWidth(out int) int {
	_, width := winogradPanel(out, 0)
	return width
}

// winogradPanel is where panel j begins among the output channels, and its columns.
func winogradPanel(out, j int) (first, width int) {
	_, width = winogradShape()
	return j * width, min(width, (out+15)/16*16-j*width)
}

// winogradPanelOf is panel j of packed kernels.
func winogradPanelOf(u []float32, m, out, rows, j int) []float32 {
	first, width := winogradPanel(out, j)
	return u[WinogradLen(m, first, rows):][:WinogradLen(m, width, rows)]
}

// WinogradKernels are 3 × 3 kernels W [Out, In, 3, 3]. Those of a transposed convolution are W [In, Out, 3, 3], and each is turned by half a circle.
type WinogradKernels struct {
	W             []float32
	Tile, Out, In int
	Rows          int // of a position in packed kernels, In at least
	Transposed    bool
}

// Panel is panel j of kernels u that are packed in full.
func (k *WinogradKernels) Panel(u []float32, j int) []float32 {
	return winogradPanelOf(u, k.Tile, k.Out, k.Rows, j)
}

// Pack transforms the kernels from input channels c0 to c1-1 to panel j of the output channels: U = G g Gᵀ. The panel is
// [position of the patch][Rows, one for each input channel][column of the panel], and panels lie one after the other in packed kernels. Columns
// beyond Out are zero; rows beyond In are not written. With an even number of rows, positions may be a power of 2 apart and push each other out
// of the cache: that takes twice as long.
func (k *WinogradKernels) Pack(panel []float32, j, c0, c1 int) {
	const chunk = 16 // input channels at a time
	var taps [chunk * 9 * 16]float32
	first, width := winogradPanel(k.Out, j)
	for c := c0; c < c1; c += chunk {
		p := winogradPacking{src: taps[:], plane: k.Rows * width, next: width, count: min(chunk, c1-c), turned: k.Transposed}
		for q := 0; q < width; q += 16 {
			o := first + q
			if lanes := min(16, k.Out-o); k.Transposed {
				for i := range p.count {
					Block16(taps[i*9*16:], k.W[((c+i)*k.Out+o)*9:], lanes, 9, 9)
				}
			} else {
				Block16(taps[:], k.W[(o*k.In+c)*9:], lanes, k.In*9, 9*p.count)
			}
			p.dst = panel[c*width+q:]
			p.run(k.Tile)
		}
	}
}

// winogradPacking transforms the kernels from count input channels to 16 output channels. Assembly knows the fields by their offsets.
type winogradPacking struct {
	src, dst    []float32 // [count][9 weights][16]; position ξ is at dst[ξ*plane:], 16 lanes
	plane, next int       // elements from position to position and from channel to channel in dst
	count       int
	turned      bool // weight 8 comes first
}

// runGo is the contract of the transform of kernels.
func (w *winogradPacking) runGo(m int) {
	g, n := winogradG(m), m+2
	for c := range w.count {
		for lane := range winogradLanes {
			var k [9]float32
			for i := range k {
				k[i] = w.src[(c*9+i)*winogradLanes+lane]
			}
			if w.turned {
				slices.Reverse(k[:])
			}
			for y := range n {
				var t [3]float32 // row y of G g
				for x := range 3 {
					t[x] = timesRow(&g[y], k[x], k[3+x], k[6+x])
				}
				for x := range n {
					w.dst[c*w.next+(y*n+x)*w.plane+lane] = timesRow(&g[x], t[0], t[1], t[2])
				}
			}
		}
	}
}

// timesRow is a row of G, rounded to float32, times a column. What the row does not use may be infinite.
func timesRow(row *[3]float64, a, b, c float32) float32 {
	switch {
	case row[1] != 0:
		return fma32(float32(row[1]), b, fma32(float32(row[2]), c, float32(row[0])*a))
	case row[0] != 0:
		return float32(row[0]) * a
	}
	return c
}

// UnpackWinograd finds the kernels w [out, in, 3, 3] that [WinogradKernels.Pack] packed, but for the rounding of U: the least squares solution
// of G g Gᵀ = U.
func UnpackWinograd(w, packed []float32, m, out, in int) {
	_, full := winogradShape()
	n := m + 2
	p := leftInverse(winogradG(m))
	for o := range out {
		first, width := winogradPanel(out, o/full)
		panel := winogradPanelOf(packed, m, out, in, o/full)
		for c := range in {
			for a := range 3 {
				for b := range 3 {
					var s float64
					for y := range n {
						for x := range n {
							s += p[a][y] * p[b][x] * float64(panel[((y*n+x)*in+c)*width+o-first])
						}
					}
					w[(o*in+c)*9+3*a+b] = float32(s)
				}
			}
		}
	}
}

// leftInverse is (Gᵀ G)⁻¹ Gᵀ.
func leftInverse(g [][3]float64) [3][]float64 {
	var s, adj [3][3]float64
	for _, r := range g {
		for i := range 3 {
			for j := range 3 {
				s[i][j] += r[i] * r[j]
			}
		}
	}
	for i := range 3 {
		for j := range 3 {
			a, b, c, d := (j+1)%3, (j+2)%3, (i+1)%3, (i+2)%3
			adj[i][j] = s[a][c]*s[b][d] - s[a][d]*s[b][c]
		}
	}
	det := s[0][0]*adj[0][0] + s[0][1]*adj[1][0] + s[0][2]*adj[2][0]
	var out [3][]float64
	for i := range 3 {
		out[i] = make([]float64, len(g))
		for y, r := range g {
			for j := range 3 {
				out[i][y] += adj[i][j] / det * r[j]
			}
		}
	}
	return out
}
