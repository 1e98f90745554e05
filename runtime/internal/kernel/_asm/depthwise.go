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
	dwPixel                      = 64                 // bytes of a column: 16 channels
)

// depthwise generates convolutions of each channel by itself, 16 of them at once: in one vector of AVX-512 or two of AVX2. Every sum begins with
// the bias and runs over the taps in order.
func depthwise() {
	for _, d := range []dwTile{
		{k: 3, stride: 1, rows: 2, cols: 7, wide: true},
		{k: 3, stride: 2, rows: 2, cols: 7, wide: true},
		{k: 5, stride: 1, rows: 2, cols: 7, wide: true},
		{k: 5, stride: 2, rows: 2, cols: 7, wide: true},
		{k: 7, stride: 1, rows: 2, cols: 7, wide: true},
		{k: 3, stride: 1, rows: 2, cols: 4},
		{k: 5, stride: 1, rows: 2, cols: 3},
		{k: 5, stride: 2, rows: 2, cols: 3},
	} {
		d.generate()
	}
	dwAny(true)
	dwAny(false)
}

// dwTile is a kernel of k × k taps that computes tiles of rows × cols outputs. Weights stay in registers if there are enough of them for that; inputs
// then pass through the rest. Otherwise a row of inputs is held while the weights pass.
type dwTile struct {
	k, stride, rows, cols int
	wide                  bool // AVX-512
	labels                int
}

func (d *dwTile) regs() []VecPhysical {
	if d.wide {
		return z
	}
	return y
}

func (d *dwTile) pinned() bool { return d.rows*d.cols+d.k*d.k+3 <= len(d.regs()) }

// label is a name that no other label of the function has.
func (d *dwTile) label(name string) string {
	d.labels++
	return fmt.Sprintf("%s%d", name, d.labels)
}

// The general registers: t, the rows that are left, the first column of the row in X, Y and R (0 without), the bytes from one row to the next, weights, bias,
// the offset in Y of the column at hand and that of the last tile, a pointer to what is at hand, and the halves of
// the lanes that are left.
var (
	dwT, dwLeft         = RDI, RAX
	dwPX, dwPY, dwPR    = RBX, RDX, R8
	dwSX, dwSY, dwSR    = RCX, RSI, R11
	dwPW, dwPB          = R9, R10
	dwAtCol, dwEnd, dwP = R12, R15, R13
	dwHalf              = R14
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
	if d.wide {
		d.pin()
	}
	for rows := d.rows; rows > 0; rows-- {
		next := fmt.Sprintf("fewer%d", rows)
		Label(fmt.Sprintf("rows%d", rows))
		SUBQ(Imm(uint64(rows)), dwLeft)
		JLT(LabelRef(next))
		if d.wide {
			d.columns(func(cols int) { d.tile(rows, cols) })
		} else {
			d.halves(func() { d.columns(func(cols int) { d.tile(rows, cols) }) })
		}
		for range rows * d.stride {
			ADDQ(dwSX, dwPX)
		}
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

// pin loads the weights that stay in registers.
func (d *dwTile) pin() {
	if d.pinned() {
		for i := range d.k * d.k {
			VMOVUPS(Mem{Base: dwPW, Disp: i * dwPixel}, d.regs()[d.rows*d.cols+i])
		}
	}
}

// halves does row for the first 8 lanes, then for the others, whose inputs are in the cache by then.
func (d *dwTile) halves(row func()) {
	again := d.label("half")
	bases := []GPPhysical{dwPX, dwPY, dwPR, dwPW, dwPB}
	MOVQ(U32(2), dwHalf)
	Label(again)
	d.pin()
	row()
	for _, p := range bases {
		ADDQ(Imm(32), p)
	}
	DECQ(dwHalf)
	JNZ(LabelRef(again))
	for _, p := range bases {
		SUBQ(Imm(64), p)
	}
}

// columns computes a row of tiles; tile does one from dwAtCol on. The last one goes back to end at the last column.
func (d *dwTile) columns(tile func(cols int)) {
	narrow, loop, one, end := d.label("narrow"), d.label("tile"), d.label("column"), d.label("end")
	XORQ(dwAtCol, dwAtCol)
	MOVQ(Mem{Base: dwT, Disp: dwCols}, dwEnd)
	SHLQ(Imm(6), dwEnd)
	SUBQ(U32(uint32(d.cols*dwPixel)), dwEnd)
	JLT(LabelRef(narrow))
	align()
	Label(loop)
	tile(d.cols)
	CMPQ(dwAtCol, dwEnd)
	JEQ(LabelRef(end))
	ADDQ(U32(uint32(d.cols*dwPixel)), dwAtCol)
	CMPQ(dwAtCol, dwEnd)
	CMOVQGT(dwEnd, dwAtCol)
	JMP(LabelRef(loop))
	Label(narrow)
	ADDQ(U32(uint32(d.cols*dwPixel)), dwEnd)
	Label(one)
	tile(1)
	ADDQ(Imm(dwPixel), dwAtCol)
	CMPQ(dwAtCol, dwEnd)
	JLT(LabelRef(one))
	Label(end)
}

// tile computes rows × cols outputs from dwAtCol on.
func (d *dwTile) tile(rows, cols int) {
	acc := func(r, c int) VecPhysical { return d.regs()[r*cols+c] }
	free := d.regs()[rows*cols:]
	LEAQ(Mem{Base: dwPX, Index: dwAtCol, Scale: uint8(d.stride)}, dwP)
	dwInit(dwPB, d.regs()[:rows*cols])
	inputs := d.k + (cols-1)*d.stride
	n := 0
	for yy := range d.k + (rows-1)*d.stride {
		if d.pinned() {
			weight := d.regs()[d.rows*d.cols:][:d.k*d.k]
			pass := d.regs()[d.rows*d.cols+d.k*d.k:]
			for x := range inputs {
				in := pass[n%len(pass)]
				n++
				VMOVUPS(Mem{Base: dwP, Disp: x * dwPixel}, in)
				for r := range rows {
					for c := range cols {
						if ky, kx := yy-r*d.stride, x-c*d.stride; ky >= 0 && ky < d.k && kx >= 0 && kx < d.k {
							VFMADD231PS(in, weight[ky*d.k+kx], acc(r, c))
						}
					}
				}
			}
		} else {
			in, pass := free[:inputs], free[inputs:]
			for x := range inputs {
				VMOVUPS(Mem{Base: dwP, Disp: x * dwPixel}, in[x])
			}
			for r := range rows {
				ky := yy - r*d.stride
				if ky < 0 || ky >= d.k {
					continue
				}
				for kx := range d.k {
					w := pass[n%len(pass)]
					n++
					VMOVUPS(Mem{Base: dwPW, Disp: (ky*d.k + kx) * dwPixel}, w)
					for c := range cols {
						VFMADD231PS(in[c*d.stride+kx], w, acc(r, c))
					}
				}
			}
		}
		if yy < d.k+(rows-1)*d.stride-1 {
			ADDQ(dwSX, dwP)
		}
	}
	lo, hi := free[0], free[1]
	if d.pinned() {
		pass := d.regs()[d.rows*d.cols+d.k*d.k:]
		lo, hi = pass[0], pass[1]
	}
	dwFinish(rows, cols, 1, lo, hi, d.regs(), d.label("clamp"))
}

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
	d := dwTile{wide: wide, rows: 1, cols: 7}
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
	halves                          int // vectors to a column
}

func newDwWalk(wide bool) dwWalk {
	w := dwWalk{R10, R11, R14, RCX, RSI, 2}
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
	d.columns(tile)
	ADDQ(Mem{Base: dwT, Disp: dwDown}, dwPX)
	ADDQ(Mem{Base: dwT, Disp: dwYStep}, dwPY)
	ADDQ(Mem{Base: dwT, Disp: dwRStep}, dwPR)
	DECQ(dwLeft)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}
