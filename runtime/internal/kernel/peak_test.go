package kernel

import "testing"

func TestMultiplyAdds(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		one := MultiplyAdds(1)
		if n := MultiplyAdds(7); one < 16 || n != 7*one {
			t.Errorf("%d operations in 1 turn, %d in 7", one, n)
		}
	})
}

// TestRead: reads nothing but b, and of each kind of its parts something.
func TestRead(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 31, 32, 33, 255, 256, 257, 511, 512, 1024, 1025} {
			mem := make([]byte, n+64)
			for i := range mem {
				mem[i] = 0xff
			}
			b := mem[32:][:n]
			clear(b)
			if Read(b) != 0 {
				t.Errorf("%d zeros: read others", n)
			}
			if n > 0 {
				b[(n-1)&^31] = 1
				if Read(b) == 0 {
					t.Errorf("%d bytes: a one was not read", n)
				}
			}
		}
	})
}
