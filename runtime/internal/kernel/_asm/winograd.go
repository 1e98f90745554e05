package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Fields of winogradInput, winogradOutput and winogradProduct, in bytes.
const (
	winInRows, winInStep, winInDst, winInPlane                = 0, 144, 192, 216
	winInNext, winInCount, winInLeft, winInMask               = 224, 232, 240, 248
	winOutM, winOutDst, winOutRes, winOutBias                 = 0, 24, 48, 72
	winOutPlane, winOutMNext, winOutDstNext                   = 96, 104, 112
	winOutResNext, winOutBiasNext, winOutDstRow               = 120, 128, 136
	winOutResRow, winOutRows, winOutCols, winOutCount         = 144, 152, 160, 168
	winOutClamp, winOutLo, winOutHi                           = 176, 180, 184
	winMulA, winMulB, winMulC, winMulLda, winMulK             = 0, 24, 48, 72, 80
	winMulAPlane, winMulCPlane, winMulCount                   = 88, 96, 104
	winMulRows512, winMulRows2                                = 14, 6
	winA, winB, winA2, winB2                                  = 5. / 8, 3. / 2, winA * winA, winB * winB
	winA3, winB3, winProduct, winSum                  float64 = winA2 * winA, winB2 * winB, winA2 * winB2, winA2 + winB2
)

// winograd generates the transforms of F(2,3) and F(4,3) and the products between them.
func winograd() {
	for m := 1; m <= winMulRows512; m++ {
		winogradMul(newWinogradGen(512, 0), m, 32)
		winogradMul(newWinogradGen(512, 0), m, 16)
	}
	for m := 1; m <= winMulRows2; m++ {
		winogradMul(newWinogradGen(2, 0), m, 16)
	}
	for _, tile := range []int{4, 2} {
		for _, edge := range []bool{false, true} {
			winogradIn(newWinogradGen(512, tile), edge)
			winogradIn(newWinogradGen(2, tile), edge)
		}
		winogradOut(newWinogradGen(512, tile))
		winogradOut(newWinogradGen(2, tile))
		for _, turned := range []bool{false, true} {
			winogradPack(newWinogradGen(512, tile), turned)
			winogradPack(newWinogradGen(2, tile), turned)
		}
	}
}

// winogradGen writes one transform. A vector holds the 16 lanes of a pixel, or half of them.
type winogradGen struct {
	isa, tile, n int
	r            []VecPhysical
	halves       int
	consts       map[float64]Op // factors, in registers or in memory
	free         int            // registers from here on hold factors
}

var winogradConsts = map[float64]Mem{}

func newWinogradGen(isa, tile int) *winogradGen {
	g := &winogradGen{isa: isa, tile: tile, n: tile + 2, consts: map[float64]Op{}}
	if g.r, g.halves, g.free = z, 1, 32; isa == 2 {
		g.r, g.halves, g.free = y, 2, 16
	}
	return g
}

func (g *winogradGen) name(what string) string {
	return fmt.Sprintf("asmWinograd%s%dTile%d", what, g.isa, g.tile)
}

// load readies the factors: with 32 registers they stay there, with 16 they are read where they are used.
func (g *winogradGen) load(factors ...float64) {
	for i, f := range factors {
		m, ok := winogradConsts[f]
		if !ok {
			m = GLOBL(fmt.Sprintf("winogradConst%d", len(winogradConsts)), RODATA|NOPTR)
			for k := range 8 {
				DATA(4*k, U32(math.Float32bits(float32(f))))
			}
			winogradConsts[f] = m
		}
		if g.consts[f] = m; g.isa == 512 {
			r := g.r[31-i]
			VBROADCASTSS(m, r)
			g.consts[f] = r
		}
	}
}

// add is acc += f·v, sub is acc −= f·v, with one rounding.
func (g *winogradGen) add(f float64, v, acc Op) { VFMADD231PS(g.consts[f], v, acc) }
func (g *winogradGen) sub(f float64, v, acc Op) { VFNMADD231PS(g.consts[f], v, acc) }
func (g *winogradGen) mul(f float64, v, to Op)  { VMULPS(g.consts[f], v, to) }

// stage is a step in which some rows of a transform are computed for all columns.
type stage struct {
	rows []int
	// column computes those rows of column x into out, reading row y of the column by at(y).
	column func(at func(y int) Mem, out []VecPhysical)
}

// stages of Bᵀ d. Rows that share much are computed together.
func (g *winogradGen) inStages(t VecPhysical) []stage {
	if g.tile == 2 {
		return []stage{
			{[]int{0}, func(at func(int) Mem, o []VecPhysical) {
				VMOVUPS(at(0), o[0])
				VSUBPS(at(2), o[0], o[0])
			}},
			{[]int{1, 2}, func(at func(int) Mem, o []VecPhysical) {
				VMOVUPS(at(2), o[1])
				VADDPS(at(1), o[1], o[0])
				VSUBPS(at(1), o[1], o[1])
			}},
			{[]int{3}, func(at func(int) Mem, o []VecPhysical) {
				VMOVUPS(at(3), o[0])
				VSUBPS(at(1), o[0], o[0])
			}},
		}
	}
	end := func(first int) func(func(int) Mem, []VecPhysical) {
		return func(at func(int) Mem, o []VecPhysical) {
			VMOVUPS(at(first+4), o[0])
			VMOVUPS(at(first+2), t)
			g.sub(winSum, t, o[0])
			VMOVUPS(at(first), t)
			g.add(winProduct, t, o[0])
		}
	}
	pair := func(point, other float64) func(func(int) Mem, []VecPhysical) {
		return func(at func(int) Mem, o []VecPhysical) {
			VMOVUPS(at(4), o[0])
			VMOVUPS(at(2), t)
			g.sub(other, t, o[0])
			VMOVUPS(at(3), o[1])
			VMOVUPS(at(1), t)
			g.sub(other, t, o[1])
			VMOVAPS(o[0], t)
			g.add(point, o[1], o[0])
			g.sub(point, o[1], t)
			VMOVAPS(t, o[1])
		}
	}
	return []stage{{[]int{0}, end(0)}, {[]int{1, 2}, pair(winA, winB2)}, {[]int{3, 4}, pair(winB, winA2)}, {[]int{5}, end(1)}}
}

// inRow is Bᵀ of the n registers d, which it overwrites; t is one more. It stores element j by store.
func (g *winogradGen) inRow(d []VecPhysical, t VecPhysical, store func(j int, v VecPhysical)) {
	if g.tile == 2 {
		VSUBPS(d[2], d[0], d[0])
		store(0, d[0])
		VADDPS(d[1], d[2], t)
		store(1, t)
		VSUBPS(d[1], d[2], d[2])
		store(2, d[2])
		VSUBPS(d[1], d[3], d[3])
		store(3, d[3])
		return
	}
	VMOVAPS(d[4], t)
	g.sub(winSum, d[2], t)
	g.add(winProduct, d[0], t)
	store(0, t)
	g.sub(winSum, d[3], d[5])
	g.add(winProduct, d[1], d[5])
	store(5, d[5])
	VMOVAPS(d[4], d[0])
	VMOVAPS(d[3], d[5])
	g.sub(winB2, d[2], d[0])
	g.sub(winB2, d[1], d[5])
	g.sub(winA2, d[2], d[4])
	g.sub(winA2, d[1], d[3])
	for i, p := range []struct {
		even, odd VecPhysical
		point     float64
	}{{d[0], d[5], winA}, {d[4], d[3], winB}} {
		VMOVAPS(p.even, t)
		g.add(p.point, p.odd, t)
		store(1+2*i, t)
		g.sub(p.point, p.odd, p.even)
		store(2+2*i, p.even)
	}
}

// winogradIn is the input transform. Rows of the patch are at R8 … R13, SI and DX point to positions 0 and 3 of a row of V.
func winogradIn(g *winogradGen, edge bool) {
	name, doc := g.name("In"), ""
	if edge {
		name, doc = name+"Edge", ", columns outside of the image are zero"
	}
	TEXT(name, NOSPLIT|NOFRAME, "func(w *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is the input transform *w, a winogradInput, for tiles of %d%s.", name, g.tile, doc))
	row := []GPPhysical{R8, R9, R10, R11, R12, R13}[:g.n]
	Load(Param("w"), RDI)
	for i, r := range row {
		MOVQ(Mem{Base: RDI, Disp: winInRows + 24*i}, r)
	}
	if edge {
		MOVQ(Mem{Base: RDI, Disp: winInMask}, RBX)
		MOVQ(Mem{Base: RDI, Disp: winInLeft}, RAX)
		SHLQ(Imm(6), RAX)
		for _, r := range row {
			SUBQ(RAX, r)
		}
	}
	MOVQ(Mem{Base: RDI, Disp: winInDst}, R14)
	MOVQ(Mem{Base: RDI, Disp: winInPlane}, RCX)
	MOVQ(Mem{Base: RDI, Disp: winInCount}, RAX)
	SHLQ(Imm(2), RCX)
	if g.tile == 4 {
		g.load(winProduct, winSum, winA, winB, winA2, winB2)
	}
	t := g.r[12]
	align()
	Label("patch")
	for h := range g.halves {
		MOVQ(R14, RSI)
		LEAQ(Mem{Base: RCX, Index: RCX, Scale: 2}, RDX)
		ADDQ(RSI, RDX)
		for k, s := range g.inStages(t) {
			for x := range g.n {
				out := make([]VecPhysical, len(s.rows))
				for i := range out {
					out[i] = g.r[g.n*i+x]
				}
				label := fmt.Sprintf("h%ds%dx%d", h, k, x)
				if edge {
					BTQ(Imm(uint64(x)), RBX)
					JCS(LabelRef(label))
					for _, v := range out {
						VXORPS(v, v, v)
					}
					JMP(LabelRef(label + "done"))
					Label(label)
				}
				s.column(func(y int) Mem { return Mem{Base: row[y], Disp: 64*x + 32*h} }, out)
				if edge {
					Label(label + "done")
				}
			}
			for i := range s.rows {
				g.inRow(g.r[g.n*i:][:g.n], t, func(j int, v VecPhysical) {
					m := Mem{Base: []GPPhysical{RSI, RDX}[j/3], Disp: 32 * h}
					if j%3 > 0 {
						m.Index, m.Scale = RCX, uint8(j%3)
					}
					VMOVUPS(v, m)
				})
				if i < len(s.rows)-1 || k < len(g.inStages(t))-1 {
					for range g.n / 2 {
						LEAQ(Mem{Base: RSI, Index: RCX, Scale: 2}, RSI)
						LEAQ(Mem{Base: RDX, Index: RCX, Scale: 2}, RDX)
					}
				}
			}
		}
	}
	for i, r := range row {
		MOVQ(Mem{Base: RDI, Disp: winInStep + 8*i}, RDX)
		LEAQ(Mem{Base: r, Index: RDX, Scale: 4}, r)
	}
	MOVQ(Mem{Base: RDI, Disp: winInNext}, RDX)
	LEAQ(Mem{Base: R14, Index: RDX, Scale: 4}, R14)
	DECQ(RAX)
	JNZ(LabelRef("patch"))
	VZEROUPPER()
	RET()
}

// outStages of Aᵀ M: the even rows come from the sums of opposite points, the odd ones from their differences.
func (g *winogradGen) outStages(t VecPhysical) []stage {
	if g.tile == 2 {
		return []stage{{[]int{0, 1}, func(at func(int) Mem, o []VecPhysical) {
			VMOVUPS(at(1), t)
			VADDPS(at(2), t, o[0])
			VADDPS(at(0), o[0], o[0])
			VSUBPS(at(2), t, t)
			VADDPS(at(3), t, o[1])
		}}}
	}
	return []stage{
		{[]int{0, 2}, func(at func(int) Mem, o []VecPhysical) {
			VMOVUPS(at(1), o[1])
			VADDPS(at(2), o[1], o[1])
			VMOVUPS(at(3), t)
			VADDPS(at(4), t, t)
			VADDPS(at(0), o[1], o[0])
			VADDPS(t, o[0], o[0])
			g.mul(winA2, o[1], o[1])
			g.add(winB2, t, o[1])
		}},
		{[]int{1, 3}, func(at func(int) Mem, o []VecPhysical) {
			VMOVUPS(at(1), o[1])
			VSUBPS(at(2), o[1], o[1])
			VMOVUPS(at(3), t)
			VSUBPS(at(4), t, t)
			g.mul(winA, o[1], o[0])
			g.add(winB, t, o[0])
			g.mul(winA3, o[1], o[1])
			g.add(winB3, t, o[1])
			VADDPS(at(5), o[1], o[1])
		}},
	}
}

// outRow is Aᵀ of the n registers d, which it overwrites; t is one more. It returns the registers of the result and some that are free.
func (g *winogradGen) outRow(d []VecPhysical, t VecPhysical) (out, free []VecPhysical) {
	if g.tile == 2 {
		VADDPS(d[2], d[1], t)
		VADDPS(d[0], t, t)
		VSUBPS(d[2], d[1], d[1])
		VADDPS(d[3], d[1], d[1])
		return []VecPhysical{t, d[1]}, []VecPhysical{d[0], d[2]}
	}
	VADDPS(d[2], d[1], t)
	VSUBPS(d[2], d[1], d[1])
	VADDPS(d[4], d[3], d[2])
	VSUBPS(d[4], d[3], d[3])
	VADDPS(d[0], t, d[0])
	VADDPS(d[2], d[0], d[0])
	g.mul(winA2, t, t)
	g.add(winB2, d[2], t)
	g.mul(winA, d[1], d[4])
	g.add(winB, d[3], d[4])
	g.mul(winA3, d[1], d[1])
	g.add(winB3, d[3], d[1])
	VADDPS(d[5], d[1], d[1])
	return []VecPhysical{d[0], d[4], t, d[1]}, []VecPhysical{d[2], d[3]}
}

// winogradOut is the output transform. Rows of M are at R8 … R13, AX points to the tile, SI to what is added.
func winogradOut(g *winogradGen) {
	name := g.name("Out")
	TEXT(name, NOSPLIT, "func(w *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is the output transform *w, a winogradOutput, for tiles of %d.", name, g.tile))
	left, bias := AllocLocal(8), AllocLocal(8)
	row := []GPPhysical{R8, R9, R10, R11, R12, R13}[:g.n]
	Load(Param("w"), RDI)
	field := func(disp int) Mem { return Mem{Base: RDI, Disp: disp} }
	MOVQ(field(winOutPlane), RCX)
	SHLQ(Imm(2), RCX)
	LEAQ(Mem{Base: RCX, Index: RCX, Scale: 2}, RBX)
	LEAQ(Mem{Base: RBX, Index: RCX, Scale: 2}, RDX)
	MOVQ(field(winOutM), R8)
	for i, r := range row[1:] {
		LEAQ(Mem{Base: row[i], Index: map[int]Register{4: RCX, 6: RBX}[g.n], Scale: map[int]uint8{4: 4, 6: 2}[g.n]}, r)
	}
	MOVQ(field(winOutCount), RAX)
	MOVQ(RAX, left)
	MOVQ(field(winOutBias), RAX)
	MOVQ(RAX, bias)
	MOVQ(field(winOutDst), RAX)
	MOVQ(field(winOutRes), RSI)
	if g.tile == 4 {
		g.load(winA, winB, winA2, winB2, winA3, winB3)
	}
	column := func(y, x, h int) Mem {
		m := Mem{Base: row[y], Disp: 32 * h}
		switch x {
		case 1, 2, 4:
			m.Index, m.Scale = RCX, uint8(x)
		case 3:
			m.Index, m.Scale = RBX, 1
		case 5:
			m.Index, m.Scale = RDX, 1
		}
		return m
	}
	t := g.r[12]
	align()
	Label("tile")
	for h := range g.halves {
		for k, s := range g.outStages(t) {
			if k > 0 {
				CMPQ(field(winOutRows), Imm(1))
				JLE(LabelRef(fmt.Sprintf("half%d", h)))
			}
			for x := range g.n {
				out := []VecPhysical{g.r[x], g.r[g.n+x]}
				s.column(func(y int) Mem { return column(y, x, h) }, out)
			}
			for i, r := range s.rows {
				if i > 0 {
					CMPQ(field(winOutRows), Imm(uint64(r)))
					JLE(LabelRef(fmt.Sprintf("half%dstage%d", h, k)))
				}
				o, free := g.outRow(g.r[g.n*i:][:g.n], t)
				g.outStore(o, free, r, h, bias)
			}
			Label(fmt.Sprintf("half%dstage%d", h, k))
		}
		Label(fmt.Sprintf("half%d", h))
	}
	MOVQ(field(winOutMNext), R14)
	for _, r := range row {
		LEAQ(Mem{Base: r, Index: R14, Scale: 4}, r)
	}
	MOVQ(field(winOutDstNext), R14)
	LEAQ(Mem{Base: RAX, Index: R14, Scale: 4}, RAX)
	MOVQ(field(winOutBiasNext), R14)
	SHLQ(Imm(2), R14)
	ADDQ(R14, bias)
	TESTQ(RSI, RSI)
	JZ(LabelRef("next"))
	MOVQ(field(winOutResNext), R14)
	LEAQ(Mem{Base: RSI, Index: R14, Scale: 4}, RSI)
	Label("next")
	DECQ(left)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// outStore adds the bias and the residual to row r of a tile, clamps it and stores the columns that exist.
func (g *winogradGen) outStore(o, free []VecPhysical, r, h int, bias Mem) {
	field := func(disp int) Mem { return Mem{Base: RDI, Disp: disp} }
	label := fmt.Sprintf("half%drow%d", h, r)
	rowAt := func(base GPPhysical, stride int) { // R14 = base + r·stride
		MOVQ(field(stride), R14)
		switch r {
		case 0:
			MOVQ(base, R14)
		case 1, 2:
			LEAQ(Mem{Base: base, Index: R14, Scale: uint8(4 * r)}, R14)
		case 3:
			LEAQ(Mem{Base: R14, Index: R14, Scale: 2}, R14)
			LEAQ(Mem{Base: base, Index: R14, Scale: 4}, R14)
		}
	}
	MOVQ(bias, R14)
	for _, v := range o {
		VADDPS(Mem{Base: R14, Disp: 32 * h}, v, v)
	}
	TESTQ(RSI, RSI)
	JZ(LabelRef(label + "clamp"))
	rowAt(RSI, winOutResRow)
	for c, v := range o {
		if c > 0 {
			CMPQ(field(winOutCols), Imm(uint64(c)))
			JLE(LabelRef(label + "clamp"))
		}
		VADDPS(Mem{Base: R14, Disp: 64*c + 32*h}, v, v)
	}
	Label(label + "clamp")
	CMPL(field(winOutClamp), Imm(0))
	JEQ(LabelRef(label + "store"))
	VBROADCASTSS(field(winOutLo), free[0])
	VBROADCASTSS(field(winOutHi), free[1])
	for _, v := range o { // the sum second: NaN stays
		VMAXPS(v, free[0], v)
		VMINPS(v, free[1], v)
	}
	Label(label + "store")
	rowAt(RAX, winOutDstRow)
	for c, v := range o {
		if c > 0 {
			CMPQ(field(winOutCols), Imm(uint64(c)))
			JLE(LabelRef(label + "end"))
		}
		VMOVUPS(v, Mem{Base: R14, Disp: 64*c + 32*h})
	}
	Label(label + "end")
}

// winogradMul multiplies m rows of V with a panel of U, for count positions one after the other. The sums are in the first registers; a row of
// B and elements of A follow. Panels may come from memory: the fewer rows there are to work on, the further ahead B is fetched.
func winogradMul(g *winogradGen, m, width int) {
	const unroll, latency = 4, 38400
	vec := 64 / g.halves // bytes of a vector
	nv := 4 * width / vec
	name := fmt.Sprintf("asmWinogradMul%dW%dM%d", g.isa, width, m)
	TEXT(name, NOSPLIT|NOFRAME, "func(w *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes the products *w, a winogradProduct of %d rows and %d columns.", name, m, width))
	Load(Param("w"), RDI)
	field := func(disp int) Mem { return Mem{Base: RDI, Disp: disp} }
	a := rows{[]GPPhysical{RBX, R8, R10, R11, R12}, R9}
	MOVQ(field(winMulA), RBX)
	MOVQ(field(winMulB), RCX)
	MOVQ(field(winMulC), RDX)
	MOVQ(field(winMulCount), RSI)
	MOVQ(field(winMulLda), R9)
	SHLQ(Imm(2), R9)
	gemmBases(a, m)
	MOVQ(field(winMulAPlane), R14) // from the end of the rows to those of the next position
	SUBQ(field(winMulK), R14)
	SHLQ(Imm(2), R14)
	sum := func(r, v int) VecPhysical { return g.r[r*nv+v] }
	b := g.r[m*nv:][:nv]
	t := g.r[(m+1)*nv:]
	ahead := min(latency/m, 16<<10) &^ 63
	step := func(u int) {
		for v := range nv {
			VMOVUPS(Mem{Base: RCX, Disp: u*4*width + v*vec}, b[v])
		}
		for r := range m {
			VBROADCASTSS(a.at(r, 4*u), t[r%2])
			for v := range nv {
				VFMADD231PS(b[v], t[r%2], sum(r, v))
			}
		}
	}
	advance := func(n int) {
		for i := 0; i*3 < m; i++ {
			ADDQ(Imm(uint64(4*n)), a.bases[i])
		}
		ADDQ(U32(uint32(4*n*width)), RCX)
	}
	Label("position")
	for r := range m {
		for v := range nv {
			VXORPS(sum(r, v), sum(r, v), sum(r, v))
		}
	}
	for i := 0; i < 4*m*width; i += 64 {
		PREFETCHT0(Mem{Base: RDX, Disp: i})
	}
	MOVQ(field(winMulK), RAX)
	SUBQ(Imm(unroll), RAX)
	JLT(LabelRef("rest"))
	align()
	Label("loop")
	for u := range unroll {
		for i := u * 4 * width; i < (u+1)*4*width; i += 64 {
			PREFETCHT0(Mem{Base: RCX, Disp: ahead + i})
		}
		step(u)
	}
	advance(unroll)
	SUBQ(Imm(unroll), RAX)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(Imm(unroll), RAX)
	JZ(LabelRef("sums"))
	Label("one")
	step(0)
	advance(1)
	DECQ(RAX)
	JNZ(LabelRef("one"))
	Label("sums")
	for i := 0; i*3 < m; i++ {
		ADDQ(R14, a.bases[i])
	}
	for r := range m {
		for v := range nv {
			VMOVUPS(sum(r, v), Mem{Base: RDX, Disp: 4*r*width + v*vec})
		}
	}
	MOVQ(field(winMulCPlane), RAX)
	LEAQ(Mem{Base: RDX, Index: RAX, Scale: 4}, RDX)
	DECQ(RSI)
	JNZ(LabelRef("position"))
	VZEROUPPER()
	RET()
}
