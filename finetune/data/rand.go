package data

import "math/bits"

// Rand draws numbers from a seed. The numbers are part of what makes a training repeatable, so that they are defined here: SplitMix64
// (https://doi.org/10.1145/2714064.2660195). A Rand is a value that costs nothing to make.
type Rand struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

// NewRand is the sequence of a seed.
func NewRand(seed uint64) Rand { return Rand{seed} }

// Uint64 is the next number.
func (r *Rand) Uint64() uint64 {
	r.state += golden
	return finish(r.state)
}

func finish(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// IntN is a number from 0 to n-1, each as likely as the others; n must be positive (https://doi.org/10.1145/3230636).
func (r *Rand) IntN(n int) int {
	hi, lo := bits.Mul64(r.Uint64(), uint64(n))
	if lo < uint64(n) {
		for least := -uint64(n) % uint64(n); lo < least; {
			hi, lo = bits.Mul64(r.Uint64(), uint64(n))
		}
	}
	return int(hi)
}

// Float64 is a number from 0 to 1, without 1.
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// Between is a number from lo to hi.
func (r *Rand) Between(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// Shuffle puts the numbers in an order that depends on the seed alone.
func (r *Rand) Shuffle(x []int) {
	for i := len(x) - 1; i > 0; i-- {
		k := r.IntN(i + 1)
		x[i], x[k] = x[k], x[i]
	}
}

// mix makes one seed of several numbers.
func mix(xs ...uint64) uint64 {
	var h uint64
	for _, x := range xs {
		h = finish((h ^ x) + golden)
	}
	return h
}
