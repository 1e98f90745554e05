package kernel

// WinogradLen is the number of elements of packed 3 × 3 kernels, out × in of them, for tiles of m × m results, m = 2 or 4.
func WinogradLen(m, out, in int) int { return (m + 2) * (m + 2) * in * ((out + 15) / 16 * 16) }

// WinogradPanels is the number of panels of so many output channels. Each has as many columns as the instruction set likes, but for the last, which
// may have 16.
func WinogradPanels(out int) int {
	_, width := winogradShape()
	return (out + width - 1) / width
}

// winogradPanel is where panel j begins among the output channels, and its columns.
func winogradPanel(out, j int) (first, width int) {
	_, width = winogradShape()
	return j * width, min(width, (out+15)/16*16-j*width)
}

// PackWinograd transforms the kernels w [out, in, 3, 3] to U = G g Gᵀ, in float64, and packs panels lo to hi-1 of the output channels:
// [panel][position of the patch][in][column of the panel]. Columns beyond out are zero.
func PackWinograd(dst, w []float32, m, out, in, lo, hi int) {
	const (
		chunk = 4             // input channels at a time
		plane = chunk*32 + 16 // their results lie close together first: positions in the panel are a power of 2 apart and push each other out of the cache
	)
	var (
		taps [chunk * 9 * 16]float32
		near [winogradMaxPositions * plane]float32
	)
	n := m + 2
	for j := lo; j < hi; j++ {
		first, width := winogradPanel(out, j)
		panel := dst[n*n*in*first:][:n*n*in*width]
		for c := 0; c < in; c += chunk {
			p := winogradPacking{src: taps[:], plane: plane, next: width, count: min(chunk, in-c)}
			for q := 0; q < width; q += 16 {
				o := first + q
				Block16(taps[:], w[(o*in+c)*9:], min(16, out-o), in*9, 9*p.count)
				p.dst = near[q:]
				p.run(m)
			}
			for i := range n * n {
				copy(panel[(i*in+c)*width:], near[i*plane:][:p.count*width])
			}
		}
	}
}

// winogradPacking transforms the kernels from count input channels to 16 output channels. Assembly knows the fields by their offsets.
type winogradPacking struct {
	src, dst    []float32 // [count][9 weights][16]; position ξ is at dst[ξ*plane:], 16 lanes
	plane, next int       // elements from position to position and from channel to channel in dst
	count       int
}

// runGo is the contract of the transform of kernels.
func (w *winogradPacking) runGo(m int) {
	g, n := winogradG(m), m+2
	for c := range w.count {
		for lane := range winogradLanes {
			k := w.src[c*9*winogradLanes+lane:]
			for y := range n {
				var t [3]float64 // row y of G g
				for x := range 3 {
					t[x] = timesRow(&g[y], float64(k[x*16]), float64(k[(3+x)*16]), float64(k[(6+x)*16]))
				}
				for x := range n {
					w.dst[c*w.next+(y*n+x)*w.plane+lane] = float32(timesRow(&g[x], t[0], t[1], t[2]))
				}
			}
		}
	}
}

// timesRow is a row of G times a column. What the row does not use may be infinite.
func timesRow(row *[3]float64, a, b, c float64) float64 {
	switch {
	case row[1] != 0:
		return row[0]*a + row[1]*b + row[2]*c
	case row[0] != 0:
		return row[0] * a
	}
	return row[2] * c
}

// UnpackWinograd finds the kernels w [out, in, 3, 3] that [PackWinograd] packed, but for the rounding of U: the least squares solution
// of G g Gᵀ = U.
func UnpackWinograd(w, packed []float32, m, out, in int) {
	_, full := winogradShape()
	n := m + 2
	p := leftInverse(winogradG(m))
	for o := range out {
		first, width := winogradPanel(out, o/full)
		panel := packed[n*n*in*first:]
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
