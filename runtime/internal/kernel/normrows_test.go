package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// guardedCopy is x between guard words.
func guardedCopy(x []float32) ([]float32, func() bool) {
	g, ok := guarded(len(x))
	copy(g, x)
	return g, ok
}

func normals(r *rand.Rand, n int, mean, dev float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + dev*r.NormFloat64())
	}
	return x
}

// rowLengths are around the multiples of what kernels take at once.
func rowLengths() (n []int) {
	for i := 1; i <= 2*32+1; i++ {
		n = append(n, i)
	}
	return append(n, 96, 127, 197, 384, 768, 1000)
}

// vectorTiers runs f under every tier and reports results that the vector tiers do not share to the bit.
func vectorTiers(t *testing.T, f func(t *testing.T) []float32) {
	var first []float32
	eachTier(t, func(t *testing.T) {
		y := f(t)
		if Active() == Go || t.Failed() {
			return
		}
		if first == nil {
			first = y
		}
		for i, v := range y {
			if math.Float32bits(v) != math.Float32bits(first[i]) && (v == v || first[i] == first[i]) {
				t.Fatalf("[%d] is %v, on the other tier %v", i, v, first[i])
			}
		}
	})
}

func checkNear(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	for i, w := range want {
		g := float64(got[i])
		if !(math.Abs(g-w) <= tol*(1+math.Abs(w))) && g != w && (g == g || w == w) {
			t.Fatalf("%s: [%d] is %v, want %v", what, i, g, w)
		}
	}
}

// normWant is the definition in float64.
func normWant(r *NormRows, row []float32) []float64 {
	var mean, sum float64
	if !r.RMS {
		for _, v := range row {
			mean += float64(v) / float64(len(row))
		}
	}
	for _, v := range row {
		sum += (float64(v) - mean) * (float64(v) - mean)
	}
	inv := 1 / math.Sqrt(sum/float64(len(row))+float64(r.Epsilon))
	y := make([]float64, len(row))
	for i, v := range row {
		y[i] = (float64(v) - mean) * inv * float64(r.Scale[i])
		if r.Bias != nil {
			y[i] += float64(r.Bias[i])
		}
	}
	return y
}

func TestNormRows(t *testing.T) {
	for _, rms := range []bool{false, true} {
		for _, skip := range []bool{false, true} {
			t.Run(fmt.Sprintf("rms %v skip %v", rms, skip), func(t *testing.T) {
				vectorTiers(t, func(t *testing.T) (all []float32) {
					rng := rand.New(rand.NewPCG(1, 2))
					for _, n := range rowLengths() {
						const rows = 3
						var oks []func() bool
						buf := func(x []float32) []float32 {
							g, ok := guardedCopy(x)
							oks = append(oks, ok)
							return g
						}
						r := NormRows{
							Y: buf(make([]float32, rows*n)), X: buf(normals(rng, rows*n, 3, 2)), Scale: buf(normals(rng, n, 1, 1)),
							N: n, Epsilon: 1e-5, RMS: rms,
						}
						x := r.X
						if skip {
							r.Skip, r.Sum = buf(normals(rng, rows*n, -1, 2)), buf(make([]float32, rows*n))
							x = make([]float32, rows*n)
							for i := range x {
								x[i] = r.X[i] + r.Skip[i]
							}
						} else if !rms {
							r.Mean, r.Inv = buf(make([]float32, rows)), buf(make([]float32, rows))
						}
						if !rms && n%2 == 0 {
							r.Bias = buf(normals(rng, n, 0, 1))
						}
						r.Run(1, rows)
						r.Run(0, 1)
						for i := range rows {
							checkNear(t, fmt.Sprint(n, " numbers, row ", i), r.Y[i*n:(i+1)*n], normWant(&r, x[i*n:(i+1)*n]), 1e-5)
							if r.Mean != nil {
								mean, variance := Moments(x[i*n : (i+1)*n])
								checkNear(t, "mean and inv", []float32{r.Mean[i], r.Inv[i]}, []float64{mean, 1 / math.Sqrt(variance+1e-5)}, 1e-5)
							}
						}
						for i := range r.Sum {
							if r.Sum[i] != x[i] {
								t.Fatalf("sum [%d] is %v, want %v", i, r.Sum[i], x[i])
							}
						}
						for _, ok := range oks {
							if !ok() {
								t.Fatalf("%d numbers: wrote beside a slice", n)
							}
						}
						all = append(all, r.Y...)
					}
					return all
				})
			})
		}
	}
}

// TestNormRowsMean: the mean is subtracted before squares are taken, so that a large one costs nothing.
func TestNormRowsMean(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		x := normals(rand.New(rand.NewPCG(1, 2)), 768, 10000, 1)
		one := make([]float32, 768)
		for i := range one {
			one[i] = 1
		}
		r := NormRows{Y: make([]float32, 768), X: x, Scale: one, N: 768, Epsilon: 1e-5}
		r.Run(0, 1)
		checkNear(t, "large mean", r.Y, normWant(&r, x), 1e-3) // the mean is known to 1e-3 in float32
	})
}

// TestNormRowsExtremes: rows whose sums leave the range of float32, and rows that are not finite, between others.
func TestNormRowsExtremes(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		const n = 40
		for _, skip := range []bool{false, true} {
			for _, rms := range []bool{false, true} {
				x := normals(rand.New(rand.NewPCG(1, 2)), 6*n, 1, 1)
				for i := range n {
					x[n+i] *= 1e38
					x[3*n+i] *= 1e25
				}
				x[2*n+3], x[4*n+5] = float32(math.NaN()), float32(math.Inf(1))
				one := make([]float32, n)
				for i := range one {
					one[i] = 1
				}
				r := NormRows{Y: make([]float32, 6*n), X: x, Scale: one, N: n, Epsilon: 1e-5, RMS: rms}
				in := append([]float32{}, x...)
				if skip {
					r.Y, r.Sum, r.Skip = x, x, make([]float32, 6*n) // all in place
				}
				r.Run(0, 6)
				for i := range 6 {
					checkNear(t, fmt.Sprint("row ", i), r.Y[i*n:(i+1)*n], normWant(&r, in[i*n:(i+1)*n]), 1e-5)
				}
			}
		}
	})
}

func softmaxWant(x []float32, log bool) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		if float64(v) > top || v != v {
			top = float64(v)
		}
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v) - top
		sum += math.Exp(y[i])
	}
	for i := range y {
		if log {
			y[i] -= math.Log(sum)
		} else {
			y[i] = math.Exp(y[i]) / sum
		}
	}
	return y
}

func TestSoftmaxRows(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, log := range []bool{false, true} {
		f := SoftmaxRows
		if log {
			f = LogSoftmaxRows
		}
		t.Run(fmt.Sprint("log ", log), func(t *testing.T) {
			vectorTiers(t, func(t *testing.T) (all []float32) {
				rng := rand.New(rand.NewPCG(1, 2))
				for _, n := range rowLengths() {
					const rows = 4
					x, okX := guardedCopy(normals(rng, rows*n, -5, 8))
					for i, v := range []float32{nan, inf, -inf} { // row i+1 has one of these
						x[(i+1)*n+rng.IntN(n)] = v
					}
					y, okY := guarded(rows * n)
					f(y, x, n)
					if !okX() || !okY() {
						t.Fatalf("%d numbers: wrote beside a slice", n)
					}
					for i := range rows {
						checkNear(t, fmt.Sprint(n, " numbers, row ", i), y[i*n:(i+1)*n], softmaxWant(x[i*n:(i+1)*n], log), 2e-6)
					}
					all = append(all, y...)
					f(x, x, n) // in place
					for i := range x {
						if math.Float32bits(x[i]) != math.Float32bits(y[i]) && x[i] == x[i] {
							t.Fatalf("%d numbers in place: [%d] is %v, want %v", n, i, x[i], y[i])
						}
					}
				}
				return all
			})
		})
	}
}

func TestSoftmaxCols(t *testing.T) {
	vectorTiers(t, func(t *testing.T) (all []float32) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, cols := range rowLengths()[:40] {
			n, stride := 1+rng.IntN(9), cols+rng.IntN(3)
			x, okX := guardedCopy(normals(rng, (n-1)*stride+cols, 0, 5))
			y, okY := guardedCopy(x)
			SoftmaxCols(y, x, n, stride, cols)
			if !okX() || !okY() {
				t.Fatalf("%d columns: wrote beside a slice", cols)
			}
			for j := range stride {
				var col, got []float32
				for i := j; i < len(x); i += stride {
					col, got = append(col, x[i]), append(got, y[i])
				}
				if j < cols {
					checkNear(t, fmt.Sprint("column ", j, " of ", cols), got, softmaxWant(col, false), 2e-6)
				} else if len(col) > 0 && got[0] != col[0] {
					t.Fatalf("column %d beyond %d was changed", j, cols)
				}
			}
			all = append(all, y...)
		}
		return all
	})
}

func TestRowReductions(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	vectorTiers(t, func(t *testing.T) (all []float32) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, n := range append(rowLengths(), 0, 8197) {
			x, ok := guardedCopy(normals(rng, n, 2, 3))
			y, okY := guarded(n)
			got := []float32{float32(Sum32(x)), float32(Deviation32(x, 1.5)), Max32(x), Min32(x)}
			top, low := inf, inf
			for _, v := range x {
				top, low = min(top, -v), min(low, v)
			}
			checkNear(t, fmt.Sprint(n, " numbers"), got, []float64{Sum(x), Deviation(x, 1.5), float64(-top), float64(low)}, 1e-5)
			Affine32(y, x, 2, 3, 4)
			want := make([]float64, n)
			for i, v := range x {
				want[i] = (float64(v)-2)*3 + 4
			}
			checkNear(t, "affine", y, want, 1e-6)
			if !ok() || !okY() {
				t.Fatalf("%d numbers: wrote beside a slice", n)
			}
			acc, accWant := make([]float64, n+1), make([]float64, n+1)
			addWide(acc[:n], x)
			addWide(acc[:n], x)
			addWideGo(accWant[:n], x)
			addWideGo(accWant[:n], x)
			for i, v := range accWant {
				if acc[i] != v {
					t.Fatalf("wide sum [%d] of %d is %v, want %v", i, n, acc[i], v)
				}
			}
			all = append(append(all, got...), y...)
			if n == 0 {
				continue
			}
			for _, v := range []float32{nan, inf, -inf} {
				x[rng.IntN(n)] = v
				got := []float32{Max32(x), Min32(x)}
				checkNear(t, "special", got, []float64{float64(maxRow32Go(x)), float64(minRow32Go(x))}, 0)
			}
		}
		return all
	})
}

// TestArgRows holds the search in two steps, of float32, to the one in float64.
func TestArgRows(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for round := range 2000 {
			x := make([]float32, 1+rng.IntN(70))
			wide := make([]float64, len(x))
			for i := range x {
				if x[i] = float32(rng.IntN(9) - 4); round%3 == 0 && rng.IntN(20) == 0 {
					x[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
				}
				wide[i] = float64(x[i])
			}
			for _, last := range []bool{false, true} {
				if got, want := ArgMax(x, last), ArgMax(wide, last); got != want {
					t.Fatalf("largest of %v is at %d, want %d", x, got, want)
				}
				if got, want := ArgMin(x, last), ArgMin(wide, last); got != want {
					t.Fatalf("smallest of %v is at %d, want %d", x, got, want)
				}
			}
		}
	})
}

// FuzzRows holds the assembly to the plain loops on any bits.
func FuzzRows(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 0, 0, 192, 127, 1, 0, 0, 128, 0, 0, 128, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		x := make([]float32, len(data)/4)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			if math.Abs(float64(x[i])) > 1e15 { // squares stay in the range of float32
				x[i] = float32(math.Copysign(1e15, float64(x[i])))
			}
		}
		n := len(x)
		if n == 0 {
			return
		}
		y, ok := guarded(n)
		SoftmaxRows(y, x, n)
		checkNear(t, "softmax", y, softmaxWant(x, false), 2e-6)
		if got, want := Max32(x), maxRow32Go(x); got != want && got == got {
			t.Fatalf("largest %v, want %v", got, want)
		}
		if got, want := Min32(x), minRow32Go(x); got != want && got == got {
			t.Fatalf("smallest %v, want %v", got, want)
		}
		r := NormRows{Y: y, X: x, Scale: x, N: n, Epsilon: 1, RMS: true}
		r.Run(0, 1)
		checkNear(t, "rms norm", y, normWant(&r, x), 1e-4)
		if !ok() {
			t.Fatal("wrote beside a slice")
		}
	})
}
