package kernel

import "testing"

// TestBlock16 holds both ways to their loops, between guard words.
func TestBlock16(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for n := range 35 {
			for c := 1; c <= 16; c++ {
				plane := n + n%3
				planar, planarKept := guarded(c*plane + 1)
				lines, linesKept := guarded(16*n + 1)
				back, backKept := guarded(c*plane + 1)
				planar, lines, back = planar[1:], lines[1:], back[1:] // no vector is aligned
				for i := range planar {
					planar[i], back[i] = float32(i+1), -1
				}
				Block16(lines, planar, c, plane, n)
				for i, v := range lines {
					want := float32(0)
					if k := i % 16; k < c {
						want = float32(k*plane + i/16 + 1)
					}
					if v != want {
						t.Fatalf("%d pixels of %d channels: element %d is %v, want %v", n, c, i, v, want)
					}
				}
				Unblock16(back, lines, c, plane, n)
				for i, v := range back {
					want := float32(-1)
					if i%plane < n {
						want = float32(i + 1)
					}
					if v != want {
						t.Fatalf("back %d pixels of %d channels: element %d is %v, want %v", n, c, i, v, want)
					}
				}
				if !planarKept() || !linesKept() || !backKept() {
					t.Fatalf("%d pixels of %d channels: wrote outside", n, c)
				}
			}
		}
	})
}
