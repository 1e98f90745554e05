package kernel

import "math"

// Winograd is a 3 × 3 convolution of stride 1 by minimal filtering, on blocks of 16 channels:
//
//	X [Batch, ⌈In/16⌉, H, W, 16]           Top and Left rows and columns of zeros lie before it, and as many as are needed behind
//	Y [Batch, ⌈Out/16⌉, YH, YW, 16]        the result, OutH × OutW, begins at row YTop and column YLeft; nothing else is written
//	Residual [Batch, ⌈Out/16⌉, OutH, OutW, 16], Bias [16·⌈Out/16⌉]          nil without
//
// The tiles of all images are numbered in a row. Their patches are transformed (V, [position][tile][channel]), multiplied with the packed
// kernels, one product of matrices per position and panel of output channels (M, [position][tile][column]), and transformed back.
// A result depends on its patch and on the kernels alone: channels are summed in order, in one go.
type Winograd struct {
	Tile               int // 4 or 2: m × m results per tile
	Batch, In, Out     int
	Rows               int // of a position in packed kernels, see WinogradKernels; 0 is In
	H, W, Top, Left    int
	OutH, OutW         int
	YH, YW, YTop       int
	YLeft              int
	X, Y               []float32
	Bias, Residual     []float32
	Act                Activation
	tiles, down, right int // of all images, of one
	lda                int // elements from tile to tile in V
}

// winogradBlock is how many bytes V and M of a block of tiles may have, so that they stay in the second-level cache beside what streams through it.
const (
	winogradBlock = 768 << 10
	winogradReuse = 64 << 10 // bytes of U that are read again, for the next rows, while they are in cache
)

// Plan derives what the other methods need.
func (w *Winograd) Plan() {
	m := w.Tile
	w.Rows = max(w.Rows, w.In)
	w.down, w.right = (w.OutH+m-1)/m, (w.OutW+m-1)/m
	w.tiles = w.Batch * w.down * w.right
	w.lda = (w.In+15)/16*16 + 16 // never a multiple of 4 KB
}

// Tiles is the number of tiles of all images.
func (w *Winograd) Tiles() int { return w.tiles }

// Block is how many tiles a block has at most, when V and M of a block shall stay in the second-level cache; more where U is so large that it is better
// read less often.
func (w *Winograd) Block() int {
	mr, width := winogradShape()
	n := w.Tile + 2
	bytes := max(winogradBlock, 4*WinogradLen(w.Tile, w.Out, w.In)/3)
	return max(1, bytes/(4*n*n*(w.lda+width))/mr) * mr
}

// plane is the distance of two positions in V and M of so many rows of ld elements: an odd number of cache lines, so that the positions of one
// tile do not fall on the same places of the first-level cache.
func plane(rows, ld int) int { return rows*ld | 16 }

// Sizes are the elements of V and M for a block of so many tiles.
func (w *Winograd) Sizes(tiles int) (v, m int) {
	_, width := winogradShape()
	n := w.Tile + 2
	return n * n * plane(tiles, w.lda), n * n * plane(tiles, width)
}

// Transform computes channel blocks b0 to b1-1 of V for the tiles t0 to t1-1 of a block that begins at tile first and has so many tiles.
func (w *Winograd) Transform(v []float32, first, tiles, t0, t1, b0, b1 int) {
	m, n := w.Tile, w.Tile+2
	blocks := (w.In + 15) / 16
	in := winogradInput{plane: plane(tiles, w.lda), next: w.lda}
	for t := t0; t < t1; {
		x, y, image := t%w.right, t/w.right%w.down, t/w.right/w.down
		run := min(w.right-x, t1-t)
		y0, x0 := y*m-w.Top, x*m-w.Left
		in.left = max(0, -x0)
		in.mask = (1<<max(0, min(n, w.W-x0)) - 1) &^ (1<<min(in.left, n) - 1)
		if in.mask == 1<<n-1 { // all tiles that are inside in full
			in.count = min(run, (w.W-n-x0)/m+1)
		} else {
			in.count = 1
		}
		for b := b0; b < b1; b++ {
			for r := range n {
				in.rows[r], in.step[r] = winogradZeros[:], 0
				if yy := y0 + r; yy >= 0 && yy < w.H && in.mask != 0 {
					in.rows[r], in.step[r] = w.X[(((image*blocks+b)*w.H+yy)*w.W+x0+in.left)*16:], m*16
				}
			}
			in.dst = v[(t-first)*w.lda+b*16:]
			in.run(m)
		}
		t += in.count
	}
}

// winogradZeros is a row outside of the image.
var winogradZeros [winogradMaxPatch * 16]float32

// Multiply computes panel j of the output channels, whose packed kernels are u, for tiles t0 to t1-1 of a block that begins at tile first and
// has so many tiles. Its memory m is for t1-t0 tiles.
func (w *Winograd) Multiply(v, m, u []float32, first, tiles, t0, t1, j int) {
	mr, _ := winogradShape()
	n := w.Tile + 2
	column, width := winogradPanel(w.Out, j)
	steps := (t1 - t0 + mr - 1) / mr
	rows := (t1 - t0 + steps - 1) / steps // products of equal height
	g := winogradProduct{lda: w.lda, k: w.In, aPlane: plane(tiles, w.lda), cPlane: plane(t1-t0, width)}
	// Many positions at a time, as far as their part of U stays in cache until the next rows need it.
	count := max(1, min(n*n, winogradReuse/(4*w.In*width)))
	if steps == 1 {
		count = n * n
	}
	for p0 := 0; p0 < n*n; p0 += count {
		p1 := min(n*n, p0+count)
		if g.count = p1 - p0; w.Rows > w.In { // the kernels of two positions are apart
			g.count = 1
		}
		for t := t0; t < t1; t += rows {
			for p := p0; p < p1; p += g.count {
				g.a, g.b, g.c = v[p*g.aPlane+(t-first)*w.lda:], u[p*width*w.Rows:], m[p*g.cPlane+(t-t0)*width:]
				g.run(min(rows, t1-t), width)
			}
		}
	}
	for b := range width / 16 {
		w.result(m[b*16:], g.cPlane, width, t0, t1, column/16+b)
	}
}

// result is the output transform of tiles t0 to t1-1 for block b of the output channels.
func (w *Winograd) result(m []float32, plane, ld, t0, t1, b int) {
	blocks, size := (w.Out+15)/16, w.Tile
	o := winogradOutput{plane: plane, mNext: ld, dstNext: size * 16, dstRow: w.YW * 16, bias: winogradZeros[:16]}
	if w.Bias != nil {
		o.bias = w.Bias[b*16:][:16]
	}
	heavy := w.setClamp(&o)
	for t := t0; t < t1; t += o.count {
		x, y, image := t%w.right, t/w.right%w.down, t/w.right/w.down
		o.m = m[(t-t0)*ld:]
		o.rows, o.cols, o.count = min(size, w.OutH-y*size), size, min(t1-t, w.OutW/size-x)
		if o.count == 0 {
			o.cols, o.count = w.OutW-x*size, 1
		}
		o.dst = w.Y[(((image*blocks+b)*w.YH+w.YTop+y*size)*w.YW+w.YLeft+x*size)*16:]
		if w.Residual != nil {
			o.res, o.resRow, o.resNext = w.Residual[(((image*blocks+b)*w.OutH+y*size)*w.OutW+x*size)*16:], w.OutW*16, size*16
		}
		o.run(size)
		if heavy {
			ActivateRows(o.dst, o.rows, (o.cols+(o.count-1)*size)*16, o.dstRow, w.Act)
		}
	}
}

// setClamp makes the output transform apply the activations that are bounds. It reports whether there is another one to apply.
func (w *Winograd) setClamp(o *winogradOutput) (heavy bool) {
	switch w.Act.Kind {
	case ActNone:
		return false
	case ActRelu:
		o.clamp, o.lo, o.hi = 1, 0, float32(math.Inf(1))
	case ActClip:
		o.clamp, o.lo, o.hi = 1, w.Act.Alpha, w.Act.Beta
	default:
		return true
	}
	return false
}
