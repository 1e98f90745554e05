package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Fields of winogradPacking in winograd_pack.go, in bytes.
const (
	winPackSrc, winPackDst                          = 0, 24
	winPackPlane, winPackNext, winPackCount         = 48, 56, 64
	winPackTaps                                     = 9 * 64 // bytes of the weights of a channel
	winPackNA, winPackNB                    float64 = 2 * winA2 * (winA2 - winB2), 2 * winB2 * (winB2 - winA2)
)

// packRow is one or two rows of G: (g0, g1, g2), and (g0, -g1, g2) where there are two.
type packRow struct{ even0, odd, even2 float64 }

func (g *winogradGen) packRows() []packRow {
	if g.tile == 2 {
		return []packRow{{1, 0, 0}, {.5, .5, .5}, {0, 0, 1}}
	}
	return []packRow{
		{1 / winProduct, 0, 0},
		{1 / winPackNA, winA / winPackNA, winA2 / winPackNA},
		{1 / winPackNB, winB / winPackNB, winB2 / winPackNB},
		{0, 0, 1},
	}
}

// times computes those rows of G times a column of three, which load puts into a register. It returns the results in out.
func (g *winogradGen) times(p packRow, load func(i int, to VecPhysical), out []VecPhysical, t VecPhysical) []VecPhysical {
	switch {
	case p.odd != 0:
		load(0, out[0])
		g.mul(p.even0, out[0], out[0])
		load(2, t)
		g.add(p.even2, t, out[0])
		VMOVAPS(out[0], out[1])
		load(1, t)
		g.sub(p.odd, t, out[1])
		g.add(p.odd, t, out[0])
		return out[:2]
	case p.even0 == 1:
		load(0, out[0])
	case p.even0 != 0:
		load(0, out[0])
		g.mul(p.even0, out[0], out[0])
	default:
		load(2, out[0])
	}
	return out[:1]
}

// winogradPack transforms kernels. SI and DX point to positions 0 and 3 of a row of U.
func winogradPack(g *winogradGen, turned bool) {
	name, doc := g.name("Pack"), ""
	if turned {
		name, doc = name+"Turned", ", turned by half a circle"
	}
	TEXT(name, NOSPLIT|NOFRAME, "func(w *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s transforms the kernels *w, a winogradPacking, for tiles of %d%s.", name, g.tile, doc))
	Load(Param("w"), RDI)
	field := func(disp int) Mem { return Mem{Base: RDI, Disp: disp} }
	MOVQ(field(winPackSrc), RBX)
	MOVQ(field(winPackDst), R14)
	MOVQ(field(winPackPlane), RCX)
	SHLQ(Imm(2), RCX)
	MOVQ(field(winPackNext), R8)
	SHLQ(Imm(2), R8)
	MOVQ(field(winPackCount), RAX)
	list := g.packRows()
	var factors []float64
	for _, p := range list {
		for _, f := range []float64{p.even0, p.odd, p.even2} {
			if f != 0 && f != 1 && !slices.Contains(factors, f) {
				factors = append(factors, f)
			}
		}
	}
	g.load(factors...)
	t := g.r[12]
	tap := func(i int) int {
		if turned {
			return 8 - i
		}
		return i
	}
	align()
	Label("channel")
	for h := 0; h < 64; h += 64 / g.halves {
		MOVQ(R14, RSI)
		LEAQ(Mem{Base: RCX, Index: RCX, Scale: 2}, RDX)
		ADDQ(RSI, RDX)
		for k, p := range list {
			var rows [2][]VecPhysical
			for x := range 3 {
				out := g.times(p, func(i int, to VecPhysical) { VMOVUPS(Mem{Base: RBX, Disp: tap(3*i+x)*64 + h}, to) }, []VecPhysical{g.r[x], g.r[3+x]}, t)
				for i, v := range out {
					rows[i] = append(rows[i], v)
				}
			}
			for _, row := range rows {
				if row == nil {
					break
				}
				j := 0
				for _, q := range list {
					for _, v := range g.times(q, func(i int, to VecPhysical) { VMOVAPS(row[i], to) }, g.r[6+j%4:][:2], t) {
						m := Mem{Base: []GPPhysical{RSI, RDX}[j/3], Disp: h}
						if j%3 > 0 {
							m.Index, m.Scale = RCX, uint8(j%3)
						}
						VMOVUPS(v, m)
						j++
					}
				}
				if k < len(list)-1 {
					for range g.n / 2 {
						LEAQ(Mem{Base: RSI, Index: RCX, Scale: 2}, RSI)
						LEAQ(Mem{Base: RDX, Index: RCX, Scale: 2}, RDX)
					}
				}
			}
		}
	}
	ADDQ(U32(winPackTaps), RBX)
	ADDQ(R8, R14)
	DECQ(RAX)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}
