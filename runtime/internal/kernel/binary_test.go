package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// special are numbers at which functions of two numbers have their own rules.
var special = []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, 1e-45, -1e-45}

// TestBinary holds every function, with operands of every kind, to its plain loop: to the bit, and with nothing else written.
func TestBinary(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	eachTier(t, func(t *testing.T) {
		for op := range numBinaries {
			for _, n := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 49, 63, 64, 65, 100, 127, 128, 129, 200} {
				for _, rows := range []int{1, 2, 5} {
					operand := func(kind int) Operand {
						o := Operand{Row: n, Step: 1} // a matrix
						switch kind {
						case 1: // with gaps
							o.Row += 3
						case 2: // a row
							o.Row = 0
						case 3: // a column
							o.Row, o.Step = 1, 0
						case 4: // a number
							o.Row, o.Step = 0, 0
						}
						o.Data = make([]float32, o.need(rows, n)+1)[1:] // not aligned, and nothing behind
						for i := range o.Data {
							if o.Data[i] = float32(rng.NormFloat64()); rng.IntN(3) == 0 {
								o.Data[i] = special[rng.IntN(len(special))]
							}
						}
						return o
					}
					for kinds := range 25 {
						a, b := operand(kinds%5), operand(kinds/5)
						want := make([]float32, rows*n)
						for r := range rows {
							op.loop(want[r*n:][:n], a.Data[r*a.Row:], b.Data[r*b.Row:], a.Step, b.Step)
						}
						buf := make([]float32, rows*n+2)
						buf[0], buf[len(buf)-1] = 77, 77
						got := buf[1 : len(buf)-1]
						op.Apply(got, a, b, rows, n)
						if i := differ(got, want); i >= 0 || buf[0] != 77 || buf[len(buf)-1] != 77 {
							t.Fatalf("%s of kinds %d, %d × %d: element %d is %v, want %v", op, kinds, rows, n, i, got[max(i, 0)], want[max(i, 0)])
						}
						if kinds%5 == 0 { // in place
							op.Apply(a.Data, a, b, rows, n)
							if i := differ(a.Data, want); i >= 0 {
								t.Fatalf("%s in place of kinds %d, %d × %d: element %d is %v, want %v", op, kinds, rows, n, i, a.Data[i], want[i])
							}
						}
					}
				}
			}
		}
	})
}

// TestBinarySpecial holds all pairs of special numbers, as in their vector's body and in its tail.
func TestBinarySpecial(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for op := range numBinaries {
			for _, u := range special {
				for _, v := range special {
					a, b, y := make([]float32, 67), make([]float32, 67), make([]float32, 67)
					for i := range a {
						a[i], b[i] = u, v
					}
					op.Apply(y, Operand{a, 0, 1}, Operand{b, 0, 1}, 1, len(y))
					for i, got := range y {
						if want := op.At(u, v); differ([]float32{got}, []float32{want}) >= 0 {
							t.Fatalf("%s(%v, %v) at %d is %v, want %v", op, u, v, i, got, want)
						}
					}
				}
			}
		}
	})
}

// TestBinaryShort holds that operands which are too short are refused.
func TestBinaryShort(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an operand of 5 elements served for 2 rows of 3")
		}
	}()
	BinAdd.Apply(make([]float32, 6), Operand{make([]float32, 6), 3, 1}, Operand{make([]float32, 5), 3, 1}, 2, 3)
}

func BenchmarkBinary(b *testing.B) {
	for _, s := range []struct {
		name    string
		rows, n int
		o       Operand
	}{
		{"same", 128, 3072, Operand{nil, 3072, 1}},
		{"scalar", 128, 3072, Operand{nil, 0, 0}},
		{"row", 128, 3072, Operand{nil, 0, 1}},
		{"channel", 2048, 196, Operand{nil, 1, 0}},
		{"c16", 24576, 16, Operand{nil, 0, 1}},
		{"l1", 1, 4096, Operand{nil, 0, 1}},
	} {
		x, y := make([]float32, s.rows*s.n), make([]float32, s.rows*s.n)
		s.o.Data = make([]float32, s.rows*s.n)
		for _, op := range []Binary{BinAdd, BinDiv, BinMax} {
			b.Run(fmt.Sprintf("%s/%s", op, s.name), func(b *testing.B) {
				for b.Loop() {
					op.Apply(y, Operand{x, s.n, 1}, s.o, s.rows, s.n)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/el")
			})
		}
	}
}
