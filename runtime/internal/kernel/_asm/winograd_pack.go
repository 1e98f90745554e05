package main

import (
	"fmt"
	"math"

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

var winogradDoubles = map[float64]Mem{}

// double is a factor in memory, for as many lanes as a vector has.
func double(f float64) Mem {
	m, ok := winogradDoubles[f]
	if !ok {
		m = GLOBL(fmt.Sprintf("winogradDouble%d", len(winogradDoubles)), RODATA|NOPTR)
		for k := range 8 {
			DATA(8*k, U64(math.Float64bits(f)))
		}
		winogradDoubles[f] = m
	}
	return m
}

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

// times computes those rows of G times a column of three, which load puts into a register, in float64. It returns the results in out.
func (p packRow) times(load func(i int, to VecPhysical), out []VecPhysical, t VecPhysical) []VecPhysical {
	switch {
	case p.odd != 0:
		load(0, out[0])
		VMULPD(double(p.even0), out[0], out[0])
		load(2, t)
		VFMADD231PD(double(p.even2), t, out[0])
		load(1, t)
		VMULPD(double(p.odd), t, t)
		VSUBPD(t, out[0], out[1])
		VADDPD(t, out[0], out[0])
		return out[:2]
	case p.even0 != 0:
		load(0, out[0])
		VMULPD(double(p.even0), out[0], out[0])
	default:
		load(2, out[0])
	}
	return out[:1]
}

// winogradPack transforms kernels. SI and DX point to positions 0 and 3 of a row of U. A vector has the float64 of 8 lanes, or of 4.
func winogradPack(g *winogradGen) {
	name := g.name("Pack")
	TEXT(name, NOSPLIT|NOFRAME, "func(w *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s transforms the kernels *w, a winogradPacking, for tiles of %d.", name, g.tile))
	Load(Param("w"), RDI)
	field := func(disp int) Mem { return Mem{Base: RDI, Disp: disp} }
	MOVQ(field(winPackSrc), RBX)
	MOVQ(field(winPackDst), R14)
	MOVQ(field(winPackPlane), RCX)
	SHLQ(Imm(2), RCX)
	MOVQ(field(winPackNext), R8)
	SHLQ(Imm(2), R8)
	MOVQ(field(winPackCount), RAX)
	half := 32 / g.halves                                                 // bytes of the float32 of a vector
	narrow := map[VecPhysical]VecPhysical{Z6: Y6, Z7: Y7, Y6: X6, Y7: X7} // the half of a register
	t := g.r[12]
	align()
	Label("channel")
	for h := 0; h < 64; h += half {
		MOVQ(R14, RSI)
		LEAQ(Mem{Base: RCX, Index: RCX, Scale: 2}, RDX)
		ADDQ(RSI, RDX)
		list := g.packRows()
		for k, p := range list {
			var rows [2][]VecPhysical
			for x := range 3 {
				out := p.times(func(i int, to VecPhysical) { VCVTPS2PD(Mem{Base: RBX, Disp: (3*i+x)*64 + h}, to) }, []VecPhysical{g.r[x], g.r[3+x]}, t)
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
					for _, v := range q.times(func(i int, to VecPhysical) { VMOVAPD(row[i], to) }, g.r[6:8], t) {
						if g.halves == 1 {
							VCVTPD2PS(v, narrow[v])
						} else {
							VCVTPD2PSY(v, narrow[v])
						}
						m := Mem{Base: []GPPhysical{RSI, RDX}[j/3], Disp: h}
						if j%3 > 0 {
							m.Index, m.Scale = RCX, uint8(j%3)
						}
						VMOVUPS(narrow[v], m)
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
