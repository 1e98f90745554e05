package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// z and y are the vector registers by number.
var (
	z = []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}
	y = []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}
)

// rows addresses rows at a stride with few registers: bases[i] points to row 3i, stride holds the bytes from row to row.
type rows struct {
	bases  []GPPhysical
	stride GPPhysical
}

// at is the address disp bytes into row r.
func (p rows) at(r, disp int) Mem {
	m := Mem{Base: p.bases[r/3], Disp: disp}
	if r%3 > 0 {
		m.Index, m.Scale = p.stride, uint8(r%3)
	}
	return m
}
