package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestStrided compares random permutations, steps, repetitions and flips, copied in pieces, with one assignment after the other.
func TestStrided(t *testing.T) { eachTier(t, testStrided) }

func testStrided(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tiled := 0
	for round := range 3000 {
		rank := r.IntN(5)
		dims, to, from := make([]int, rank), make([]int, rank), make([]int, rank)
		n := 1
		for _, i := range r.Perm(rank) { // From is dense along a random order of axes, with steps, flips and repetitions
			dims[i] = 1 + r.IntN(9)
			if r.IntN(4) == 0 {
				dims[i] = 1 + r.IntN(70)
			}
			from[i] = n
			n *= dims[i]
			switch r.IntN(8) {
			case 0:
				from[i] = 0
			case 1:
				from[i] *= 2
				n *= 2
			}
		}
		off := 0
		for i := range dims {
			if r.IntN(8) == 0 {
				off += (dims[i] - 1) * from[i]
				from[i] = -from[i]
			}
		}
		m := 1
		for i := rank - 1; i >= 0; i-- {
			to[i] = m
			m *= dims[i]
		}
		src := make([]uint32, n)
		for i := range src {
			src[i] = r.Uint32()
		}
		want := make([]uint32, m)
		for i := range want {
			k := off
			for a, rest := rank-1, i; a >= 0; a-- {
				k += rest % dims[a] * from[a]
				rest /= dims[a]
			}
			want[i] = src[k]
		}
		var s Strided
		s.Reset(0, off)
		for i := range dims {
			s.Axis(dims[i], to[i], from[i])
		}
		items, _, ok := s.Plan(m, n)
		if !ok {
			t.Fatalf("round %d: %v from %v is outside of %d", round, dims, from, n)
		}
		if s.tileA > 0 {
			tiled++
		}
		got := make([]uint32, m)
		piece := 1 + r.IntN(items)
		for lo := 0; lo < items; lo += piece {
			Copy(got, src, &s, lo, min(items, lo+piece))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("round %d: %v from %v at %d: element %d is %d, want %d", round, dims, from, off, i, got[i], want[i])
			}
		}
	}
	if tiled < 100 {
		t.Errorf("only %d rounds went by tiles", tiled)
	}
}

func TestStridedOutside(t *testing.T) {
	for _, c := range []struct{ n, to, from, toOff, fromOff int }{
		{3, 1, 2, 0, 0}, {3, 2, 1, 0, 0}, {3, 1, 1, 1, 0}, {3, 1, -1, 0, 1}, {2, 1, 1, -1, 0},
	} {
		var s Strided
		s.Reset(c.toOff, c.fromOff)
		s.Axis(c.n, c.to, c.from)
		if _, _, ok := s.Plan(3, 3); ok {
			t.Errorf("%+v is taken to lie inside of 3 elements", c)
		}
	}
}

func TestPack(t *testing.T) {
	for _, bits := range []int{2, 4} {
		for n := range 9 {
			src := make([]uint8, n)
			for i := range src {
				src[i] = uint8(i*5+1) & (1<<bits - 1)
			}
			packed := make([]uint8, (n*bits+7)/8)
			Pack(packed, src, bits)
			got := make([]uint8, n)
			Unpack(got, packed, bits)
			if string(got) != string(src) {
				t.Errorf("%d elements of %d bits: %v, want %v", n, bits, got, src)
			}
		}
	}
	if Repeat(2, 2) != 0xaa || Repeat(5, 4) != 0x55 {
		t.Errorf("repeated: %x and %x", Repeat(2, 2), Repeat(5, 4))
	}
}
