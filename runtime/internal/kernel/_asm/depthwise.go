package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Fields of Depthwise in depthwise.go, in bytes.
const (
	dwX, dwW, dwBias, dwY, dwR   = 0, 24, 48, 72, 96
	dwRows, dwCols, dwLo, dwHi   = 120, 128, 136, 140
	dwK0, dwK1, dwS0, dwS1       = 144, 152, 160, 168
	dwXStep, dwYStep, dwRStep    = 176, 184, 192      // these in bytes: from row to row,
	dwDown, dwTap, dwLine, dwCol = 200, 208, 216, 224 // to the next row of outputs in X, tap, row of taps, and column of outputs in X
	dwWLine                      = 232                // from the last tap of a row to the first of the next in W
	dwAt                         = 240                // from X to what the first tap of the first output sees
	dwInRow, dwInRows            = 248, 256           // the row of X that the first tap of the tile sees, and rows of X
	dwFirst, dwBefore, dwLast    = 264, 272, 280      // bits: columns of inputs of the first tile, of the one that the last overlaps, and of the last, that are in X
	dwEnd, dwHalf                = 288, 296           // offset in Y of the last tile, halves of the lanes that are left
	dwPixel                      = 64                 // bytes of a column: 16 channels
)

// depthwise generates convolutions of each channel by itself, 16 of them at once: in one vector of AVX-512 or two of AVX2. Every sum begins with
// the bias and runs over the taps in order.
func depthwise() {
	for _, d := range []dwTile{
		{k: 3, stride: 1, cols: 7, wide: true},
		{k: 3, stride: 2, cols: 7, wide: true},
		{k: 5, stride: 1, cols: 7, wide: true},
		{k: 5, stride: 2, cols: 7, wide: true},
		{k: 7, stride: 1, cols: 7, wide: true},
		{k: 3, stride: 1, cols: 4},
		{k: 3, stride: 2, cols: 4},
		{k: 5, stride: 1, cols: 4},
		{k: 5, stride: 2, cols: 4},
		{k: 7, stride: 1, cols: 4},
	} {
		d.generate()
	}
	dwAny(true)
	dwAny(false)
}

// dwTile is a kernel of k × k taps that computes tiles of two rows of cols outputs. Each input is loaded once, for all products that it is part of; those beyond
// the edges of the image are left out, with their products.
type dwTile struct {
	k, stride, cols int
	wide            bool // AVX-512
	labels          int
}

func (d *dwTile) regs() []VecPhysical {
	if d.wide {
		return z
	}
	return y
}

// label is a name that no other label of the function has.
func (d *dwTile) label(name string) string {
	d.labels++
	return fmt.Sprintf("%s%d", name, d.labels)
}

// The general registers: t, the rows that are left, the first column of the row in X, Y and R (0 without), the bytes from one row to the next, weights, bias,
// the offset in Y of the column at hand, a pointer to what is at hand, the row of X that is, and the columns of inputs that are in X, as bits from the
// first of the tile on.
var (
	dwT, dwLeft      = RDI, RAX
	dwPX, dwPY, dwPR = RBX, RDX, R8
	dwSX, dwSY, dwSR = RCX, RSI, R11
	dwPW, dwPB       = R9, R10
	dwAtCol, dwP     = R12, R13
	dwRow, dwIn      = R14, R15
)

func dwTier(wide bool) string {
	if wide {
		return "512"
	}
	return "2"
}

// dwBegin begins a function and loads its registers.
func dwBegin(name, what string) {
	TEXT(name, NOSPLIT|NOFRAME, "func(t *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes the Depthwise *t, %s.", name, what))
	Load(Param("t"), dwT)
	for _, f := range []struct {
		disp int
		r    GPPhysical
	}{{dwRows, dwLeft}, {dwX, dwPX}, {dwY, dwPY}, {dwR, dwPR}, {dwXStep, dwSX}, {dwYStep, dwSY}, {dwRStep, dwSR}, {dwW, dwPW}, {dwBias, dwPB}} {
		MOVQ(Mem{Base: dwT, Disp: f.disp}, f.r)
	}
}

func (d dwTile) generate() {
	dwBegin(fmt.Sprintf("asmDepthwise%sK%dS%d", dwTier(d.wide), d.k, d.stride), fmt.Sprintf("%d × %d taps with stride %d", d.k, d.k, d.stride))
	ADDQ(Mem{Base: dwT, Disp: dwAt}, dwPX)
	if d.pinned() {
		for i, w := range d.regs()[len(d.regs())-d.k*d.k:] {
			VMOVUPS(d.weight(0, i), w)
		}
	}
	for rows := 2; rows > 0; rows-- {
		next := fmt.Sprintf("fewer%d", rows)
		Label(fmt.Sprintf("rows%d", rows))
		SUBQ(Imm(uint64(rows)), dwLeft)
		JLT(LabelRef(next))
		d.columns(func(cols int, edge bool) {
			d.halves(func() { d.tile(rows, cols, edge) })
		})
		for range rows * d.stride {
			ADDQ(dwSX, dwPX)
		}
		ADDQ(Imm(uint64(rows*d.stride)), Mem{Base: dwT, Disp: dwInRow})
		for range rows {
			ADDQ(dwSY, dwPY)
			ADDQ(dwSR, dwPR)
		}
		JMP(LabelRef(fmt.Sprintf("rows%d", rows)))
		Label(next)
		ADDQ(Imm(uint64(rows)), dwLeft)
	}
	VZEROUPPER()
	RET()
}

// pinned reports whether there are registers for all weights.
func (d *dwTile) pinned() bool { return d.wide && 2*d.cols+d.k*d.k+2 <= len(d.regs()) }

// halves does tile for all lanes, or for the first 8, then for the others, whose inputs are in the cache by then.
func (d *dwTile) halves(tile func()) {
	if d.wide {
		tile()
		return
	}
	again, half := d.label("half"), Mem{Base: dwT, Disp: dwHalf}
	bases := []GPPhysical{dwPX, dwPY, dwPR, dwPW, dwPB}
	MOVQ(U32(2), half)
	Label(again)
	tile()
	for _, p := range bases {
		ADDQ(Imm(32), p)
	}
	DECQ(half)
	JNZ(LabelRef(again))
	for _, p := range bases {
		SUBQ(Imm(64), p)
	}
}

// columns computes a row of tiles; tile does one from dwAtCol on, at an edge of the image or inside. The last one goes back to end at the last column.
func (d *dwTile) columns(tile func(cols int, edge bool)) {
	narrow, loop, inside, next, one, done := d.label("narrow"), d.label("tile"), d.label("inside"), d.label("next"), d.label("column"), d.label("end")
	end, size := Mem{Base: dwT, Disp: dwEnd}, U32(uint32(d.cols*dwPixel))
	XORQ(dwAtCol, dwAtCol)
	MOVQ(Mem{Base: dwT, Disp: dwFirst}, dwIn)
	MOVQ(Mem{Base: dwT, Disp: dwCols}, dwP)
	SHLQ(Imm(6), dwP)
	SUBQ(size, dwP)
	MOVQ(dwP, end)
	JLT(LabelRef(narrow))
	align()
	Label(loop)
	CMPQ(dwIn, I8(-1))
	JEQ(LabelRef(inside))
	tile(d.cols, true)
	JMP(LabelRef(next))
	Label(inside)
	tile(d.cols, false)
	Label(next)
	CMPQ(dwAtCol, end)
	JEQ(LabelRef(done))
	ADDQ(size, dwAtCol)
	MOVQ(I32(-1), dwIn)
	LEAQ(Mem{Base: dwAtCol, Disp: d.cols * dwPixel}, dwP)
	CMPQ(dwP, end)
	CMOVQGT(Mem{Base: dwT, Disp: dwBefore}, dwIn)
	CMPQ(dwAtCol, end)
	CMOVQGE(Mem{Base: dwT, Disp: dwLast}, dwIn)
	CMOVQGE(end, dwAtCol)
	JMP(LabelRef(loop))
	Label(narrow)
	ADDQ(size, end)
	Label(one)
	tile(1, true)
	SHRQ(Imm(uint64(d.stride)), dwIn)
	ADDQ(Imm(dwPixel), dwAtCol)
	CMPQ(dwAtCol, end)
	JLT(LabelRef(one))
	Label(done)
}

// tile computes rows × cols outputs from dwAtCol on.
func (d *dwTile) tile(rows, cols int, edge bool) {
	acc := func(r, c int) VecPhysical { return d.regs()[r*cols+c] }
	free := d.regs()[rows*cols:]
	// A row of weights stays in registers while both rows of outputs meet it, if there are enough; else the second reads it again.
	kept := (rows-1)*d.stride + 1
	switch {
	case d.pinned():
		kept = d.k
	case kept*d.k+1 > len(free):
		kept = 1
	}
	pass, weights := free[:len(free)-kept*d.k], free[len(free)-kept*d.k:]
	LEAQ(Mem{Base: dwPX, Index: dwAtCol, Scale: uint8(d.stride)}, dwP)
	MOVQ(Mem{Base: dwT, Disp: dwInRow}, dwRow)
	dwInit(dwPB, d.regs()[:rows*cols])
	n := 0
	for yy := range d.k + (rows-1)*d.stride {
		if yy > 0 {
			ADDQ(dwSX, dwP)
			INCQ(dwRow)
		}
		if yy < d.k && !d.pinned() {
			for kx := range d.k {
				VMOVUPS(d.weight(yy, kx), weights[yy%kept*d.k+kx])
			}
		}
		outside := d.label("outside")
		CMPQ(dwRow, Mem{Base: dwT, Disp: dwInRows})
		JAE(LabelRef(outside)) // those above are negative, which unsigned is large
		inputs := d.k + (cols-1)*d.stride
		for x := range inputs {
			next := d.label("next")
			if edge && (x < dwMaxPad || x >= inputs-dwMaxPad) {
				BTQ(Imm(uint64(x)), dwIn)
				JCC(LabelRef(next))
			}
			in := pass[n%len(pass)]
			n++
			VMOVUPS(Mem{Base: dwP, Disp: x * dwPixel}, in)
			for r := range rows {
				for c := range cols {
					ky, kx := yy-r*d.stride, x-c*d.stride
					if ky < 0 || ky >= d.k || kx < 0 || kx >= d.k {
						continue
					}
					if r == 0 || kept > 1 {
						VFMADD231PS(in, weights[ky%kept*d.k+kx], acc(r, c))
					} else {
						VFMADD231PS(d.weight(ky, kx), in, acc(r, c))
					}
				}
			}
			Label(next)
		}
		Label(outside)
	}
	dwFinish(rows, cols, 1, free[0], free[1], d.regs(), d.label("clamp"))
}

// dwMaxPad is MaxDepthwisePad of depthwise.go: columns beyond an edge of the image.
const dwMaxPad = 4

func (d *dwTile) weight(ky, kx int) Mem { return Mem{Base: dwPW, Disp: (ky*d.k + kx) * dwPixel} }

// dwInit starts all sums with the bias.
func dwInit(bias GPPhysical, acc []VecPhysical) {
	VMOVUPS(Mem{Base: bias}, acc[0])
	for _, a := range acc[1:] {
		VMOVAPS(acc[0], a)
	}
}

// dwFinish adds R to the sums, which lie in regs row by row, halves vectors to a column, bounds and stores them.
func dwFinish(rows, cols, halves int, lo, hi VecPhysical, regs []VecPhysical, skip string) {
	each := func(stride GPPhysical, f func(m Mem, acc VecPhysical)) {
		for r := range rows {
			for i := range cols * halves {
				m := Mem{Base: dwP, Disp: i/halves*dwPixel + i%halves*32}
				if r > 0 {
					m.Index, m.Scale = stride, 1
				}
				f(m, regs[r*cols*halves+i])
			}
		}
	}
	CMPQ(Mem{Base: dwT, Disp: dwRStep}, Imm(0))
	JEQ(LabelRef(skip))
	LEAQ(Mem{Base: dwPR, Index: dwAtCol, Scale: 1}, dwP)
	each(dwSR, func(m Mem, acc VecPhysical) { VADDPS(m, acc, acc) })
	Label(skip)
	VBROADCASTSS(Mem{Base: dwT, Disp: dwLo}, lo)
	VBROADCASTSS(Mem{Base: dwT, Disp: dwHi}, hi)
	LEAQ(Mem{Base: dwPY, Index: dwAtCol, Scale: 1}, dwP)
	each(dwSY, func(m Mem, acc VecPhysical) { // the sum second: NaN stays
		VMAXPS(acc, lo, acc)
		VMINPS(acc, hi, acc)
		VMOVUPS(acc, m)
	})
}

// dwAny is for any number of taps, strides and dilations: a row of outputs at a time, inputs come from memory for each product.
func dwAny(wide bool) {
	d := dwTile{wide: wide, cols: 7}
	dwBegin("asmDepthwise"+dwTier(wide), "whatever its kernel")
	w := newDwWalk(wide)
	w.rows(&d, func(cols int) {
		acc, weight := d.regs()[:cols*w.halves], d.regs()[cols*w.halves:]
		MOVQ(Mem{Base: dwT, Disp: dwW}, dwPW)
		w.each(&d, acc, func() {
			for h := range w.halves {
				VMOVUPS(Mem{Base: dwPW, Disp: h * 32}, weight[h])
			}
			for i, a := range acc {
				VFMADD231PS(w.input(i), weight[i%w.halves], a)
			}
			ADDQ(Imm(dwPixel), dwPW)
		}, func() { ADDQ(Mem{Base: dwT, Disp: dwWLine}, dwPW) })
		dwFinish(1, cols, w.halves, weight[0], weight[1], d.regs(), d.label("clamp"))
	})
}

// dwWalk goes over the taps of tiles one by one. It has the bytes of X between columns of outputs, 3 and 5 times that, and how many taps are left.
type dwWalk struct {
	step, step3, step5, down, along GPPhysical
	end                             GPPhysical // the offset in Y of the last tile
	halves                          int        // vectors to a column
}

func newDwWalk(wide bool) dwWalk {
	w := dwWalk{R10, R11, R14, RCX, RSI, R15, 2}
	if wide {
		w.halves = 1
	}
	MOVQ(Mem{Base: dwT, Disp: dwCol}, w.step)
	LEAQ(Mem{Base: w.step, Index: w.step, Scale: 2}, w.step3)
	LEAQ(Mem{Base: w.step, Index: w.step, Scale: 4}, w.step5)
	return w
}

// input is what vector i of a tile, of at most 7 columns, sees under the tap.
func (w *dwWalk) input(i int) Mem {
	c := i / w.halves
	m := Mem{Base: dwP, Index: w.step, Scale: uint8(c), Disp: i % w.halves * 32}
	switch c {
	case 0:
		m.Index, m.Scale = nil, 0
	case 3, 6:
		m.Index, m.Scale = w.step3, uint8(c/3)
	case 5:
		m.Index, m.Scale = w.step5, 1
	}
	return m
}

// each starts the sums of a tile with the bias and goes over its taps; line comes after each row of them.
func (w *dwWalk) each(d *dwTile, acc []VecPhysical, tap, line func()) {
	MOVQ(Mem{Base: dwT, Disp: dwBias}, dwP)
	for i, a := range acc {
		VMOVUPS(Mem{Base: dwP, Disp: i % w.halves * 32}, a)
	}
	MOVQ(Mem{Base: dwT, Disp: dwS1}, dwP)
	IMULQ(dwAtCol, dwP)
	ADDQ(dwPX, dwP)
	MOVQ(Mem{Base: dwT, Disp: dwK0}, w.down)
	lines, taps := d.label("lines"), d.label("taps")
	Label(lines)
	MOVQ(Mem{Base: dwT, Disp: dwK1}, w.along)
	align()
	Label(taps)
	tap()
	ADDQ(Mem{Base: dwT, Disp: dwTap}, dwP)
	DECQ(w.along)
	JNZ(LabelRef(taps))
	ADDQ(Mem{Base: dwT, Disp: dwLine}, dwP)
	line()
	DECQ(w.down)
	JNZ(LabelRef(lines))
}

// rows computes the tiles of all rows and ends the function.
func (w *dwWalk) rows(d *dwTile, tile func(cols int)) {
	Label("rows")
	w.columns(d, tile)
	ADDQ(Mem{Base: dwT, Disp: dwDown}, dwPX)
	ADDQ(Mem{Base: dwT, Disp: dwYStep}, dwPY)
	ADDQ(Mem{Base: dwT, Disp: dwRStep}, dwPR)
	DECQ(dwLeft)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// columns computes a row of tiles; tile does one from dwAtCol on. The last one goes back to end at the last column.
func (w *dwWalk) columns(d *dwTile, tile func(cols int)) {
	narrow, loop, one, done := d.label("narrow"), d.label("tile"), d.label("column"), d.label("end")
	size := U32(uint32(d.cols * dwPixel))
	XORQ(dwAtCol, dwAtCol)
	MOVQ(Mem{Base: dwT, Disp: dwCols}, w.end)
	SHLQ(Imm(6), w.end)
	SUBQ(size, w.end)
	JLT(LabelRef(narrow))
	align()
	Label(loop)
	tile(d.cols)
	CMPQ(dwAtCol, w.end)
	JEQ(LabelRef(done))
	ADDQ(size, dwAtCol)
	CMPQ(dwAtCol, w.end)
	CMOVQGT(w.end, dwAtCol)
	JMP(LabelRef(loop))
	Label(narrow)
	ADDQ(size, w.end)
	Label(one)
	tile(1)
	ADDQ(Imm(dwPixel), dwAtCol)
	CMPQ(dwAtCol, w.end)
	JLT(LabelRef(one))
	Label(done)
}
