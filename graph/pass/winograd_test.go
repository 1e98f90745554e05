package pass

import "testing"

// TestWinogradTile has the layers of well-known networks, with what is fastest by measurement.
func TestWinogradTile(t *testing.T) {
	conv := func(in, out, h, w int) convShape {
		return convShape{in: in, out: out, group: 1, kernel: [2]int{3, 3}, strides: [2]int{1, 1}, dilations: [2]int{1, 1}, size: [2]int{h, w}}
	}
	change := func(f func(c *convShape)) convShape {
		c := conv(64, 64, 56, 56)
		f(&c)
		return c
	}
	varying := func(channels, size int) convShape {
		c := conv(channels, channels, size, size)
		c.varies = true
		return c
	}
	for _, c := range []struct {
		name string
		conv convShape
		want int
	}{
		{"ResNet 64@56", conv(64, 64, 56, 56), 4},
		{"ResNet 128@28", conv(128, 128, 28, 28), 4},
		{"ResNet 256@14", conv(256, 256, 14, 14), 4},
		{"ResNet 512@7", conv(512, 512, 7, 7), 2},
		{"YOLO 16@160", conv(16, 16, 160, 160), 4},
		{"CRNN 512@4x41", conv(512, 512, 4, 41), 4},
		{"UNet 512@16", conv(512, 512, 16, 16), 4},
		{"unknown size, few channels", conv(64, 64, 0, 0), 4},
		{"unknown size, many channels", conv(512, 512, 0, 0), 2},
		{"unknown height", conv(64, 64, 0, 100), 4},
		{"one pixel", conv(512, 512, 1, 1), 0},
		{"ResNet 64@16 that varies", varying(64, 16), 4},
		{"ResNet 128@8 that varies", varying(128, 8), 4},
		{"ResNet 256@4 that varies", varying(256, 4), 4},
		{"ResNet 512@2 that varies", varying(512, 2), 2},
		{"first layer", conv(3, 64, 224, 224), 0},
		{"last layer", conv(64, 2, 224, 224), 0},
		{"stride", change(func(c *convShape) { c.strides[1] = 2 }), 0},
		{"dilation", change(func(c *convShape) { c.dilations[0] = 2 }), 0},
		{"groups", change(func(c *convShape) { c.group = 2 }), 0},
		{"5 x 5", change(func(c *convShape) { c.kernel = [2]int{5, 5} }), 0},
		{"1 x 3", change(func(c *convShape) { c.kernel = [2]int{1, 3} }), 0},
	} {
		if got := c.conv.winogradTile(); got != c.want {
			t.Errorf("%s: tiles of %d, want %d", c.name, got, c.want)
		}
	}
}
