package tensor

import (
	"math"
	"testing"
)

var smallTypes = []DType{Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float4E2M1, Float6E2M3, Float6E3M2, Float8E8M0, Uint4, Int4, Uint2, Int2}

func smallWidth(d DType) int {
	switch d {
	case Float6E2M3, Float6E3M2:
		return 6
	}
	return d.Bits()
}

// TestSmallRoundTrip holds that every number of every small type is encoded as itself.
func TestSmallRoundTrip(t *testing.T) {
	for _, d := range smallTypes {
		for b := range 1 << smallWidth(d) {
			v := SmallValue(d, uint8(b))
			got := SmallEncode(d, v, false)
			if v != v {
				if w := SmallValue(d, got); w == w {
					t.Errorf("%s: NaN %#x becomes %v", d, b, w)
				}
			} else if got != uint8(b) {
				t.Errorf("%s: %v is %#x, encoded as %#x", d, v, b, got)
			}
		}
	}
}

// TestSmallNearest holds that what lies between two neighbours goes to the nearer one, and from the middle to the one whose last bit is even.
func TestSmallNearest(t *testing.T) {
	for _, d := range []DType{Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float4E2M1, Float6E2M3, Float6E3M2} {
		for b := range 1<<(smallWidth(d)-1) - 1 {
			lo, hi := SmallValue(d, uint8(b)), SmallValue(d, uint8(b+1))
			if !(hi > lo) || math.IsInf(hi, 0) {
				continue
			}
			mid, even := (lo+hi)/2, uint8(b+b&1)
			for _, c := range []struct {
				v    float64
				want uint8
			}{{mid, even}, {math.Nextafter(mid, lo), uint8(b)}, {math.Nextafter(mid, hi), uint8(b + 1)}} {
				if got := SmallEncode(d, c.v, true); got != c.want {
					t.Errorf("%s: %v between %v and %v becomes %#x, want %#x", d, c.v, lo, hi, got, c.want)
				}
				if got := SmallValue(d, SmallEncode(d, -c.v, true)); got != -SmallValue(d, c.want) {
					t.Errorf("%s: %v becomes %v", d, -c.v, got)
				}
			}
		}
	}
}

func TestPackBits(t *testing.T) {
	data := make([]byte, 3)
	PackBits(Int4, data, 1, []uint8{0xff, 2, 3, 4})
	if data[0] != 0xf0 || data[1] != 0x32 || data[2] != 0x04 {
		t.Errorf("four-bit elements from 1 on are % x", data)
	}
	data = make([]byte, 2)
	PackBits(Uint2, data, 2, []uint8{1, 2, 3})
	if data[0] != 0b10010000 || data[1] != 3 {
		t.Errorf("two-bit elements from 2 on are % x", data)
	}
}
