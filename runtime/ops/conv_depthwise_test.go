package ops

import "testing"

func TestConvDepthwise(t *testing.T) {
	k := func(v ...int64) []int64 { return v }
	testConvC16(t, "ConvDepthwise", []convC16Case{
		{name: "same", batch: 2, in: 20, out: 20, h: 9, w: 11, group: 20, kernel: k(3, 3), pads: k(1, 1, 1, 1), bias: true, activation: "Relu"},
		{name: "valid", batch: 1, in: 32, out: 32, h: 10, w: 9, group: 32, kernel: k(3, 3), bias: true, residual: true},
		{name: "stride", batch: 1, in: 48, out: 48, h: 13, w: 14, group: 48, kernel: k(3, 3), strides: k(2, 2), pads: k(0, 1, 1, 1), activation: "Clip", beta: 6},
		{name: "five", batch: 1, in: 16, out: 16, h: 15, w: 7, group: 16, kernel: k(5, 5), pads: k(2, 2, 2, 2), bias: true, activation: "HardSwish"},
		{name: "five_stride", batch: 1, in: 33, out: 33, h: 12, w: 12, group: 33, kernel: k(5, 5), strides: k(2, 2), pads: k(1, 2, 2, 2), border: k(1, 1, 1, 1), residual: true, bias: true},
		{name: "seven", batch: 1, in: 16, out: 16, h: 8, w: 15, group: 16, kernel: k(7, 7), pads: k(3, 3, 3, 3), border: k(0, 2, 1, 0)},
		{name: "dilated", batch: 1, in: 16, out: 16, h: 20, w: 17, group: 16, kernel: k(3, 3), pads: k(4, 2, 4, 2), dilations: k(4, 2), bias: true},
		{name: "one_row", batch: 3, in: 24, out: 24, h: 1, w: 300, group: 24, kernel: k(1, 9), pads: k(0, 8, 0, 0), activation: "Sigmoid"},
		{name: "one_channel", batch: 2, in: 1, out: 1, h: 6, w: 6, group: 1, kernel: k(3, 3), pads: k(1, 1, 1, 1)},
		{name: "rectangle", batch: 1, in: 16, out: 16, h: 9, w: 9, group: 16, kernel: k(2, 4), strides: k(3, 1), pads: k(1, 3, 0, 0)},
		{name: "pads_only", batch: 1, in: 16, out: 16, h: 1, w: 1, group: 16, kernel: k(1, 1), strides: k(7, 7), pads: k(9, 9, 0, 0), bias: true},
		{name: "many_rows", batch: 1, in: 16, out: 16, h: 150, w: 130, group: 16, kernel: k(3, 3), pads: k(1, 1, 1, 1), bias: true, residual: true},
		{name: "cut_stride", batch: 1, in: 32, out: 32, h: 61, w: 80, group: 32, kernel: k(3, 3), strides: k(2, 2), pads: k(1, 1, 1, 1), border: k(1, 0, 0, 1), residual: true, activation: "Relu"},
		{name: "cut_five", batch: 1, in: 16, out: 16, h: 96, w: 97, group: 16, kernel: k(5, 5), strides: k(2, 2), pads: k(2, 1, 1, 2), bias: true, residual: true},
		{name: "cut_one_side", batch: 1, in: 16, out: 16, h: 70, w: 64, group: 16, kernel: k(3, 2), pads: k(0, 1, 2, 0), bias: true},
		{name: "cut_row", batch: 1, in: 16, out: 16, h: 1, w: 500, group: 16, kernel: k(1, 5), pads: k(0, 2, 0, 2), bias: true},
		{name: "large_kernel", batch: 1, in: 16, out: 16, h: 40, w: 30, group: 16, kernel: k(31, 25), pads: k(15, 12, 15, 12)},
		{name: "same_small", batch: 2, in: 32, out: 32, h: 3, w: 2, group: 32, kernel: k(5, 5), pads: k(2, 2, 2, 2), bias: true, residual: true},
		{name: "five_uneven", batch: 1, in: 16, out: 16, h: 15, w: 16, group: 16, kernel: k(5, 5), strides: k(2, 2), pads: k(1, 4, 4, 0), bias: true},
		{name: "beyond", batch: 1, in: 16, out: 16, h: 9, w: 8, group: 16, kernel: k(3, 3), pads: k(7, 5, 6, 3), bias: true},
		{name: "empty", batch: 0, in: 16, out: 16, h: 5, w: 5, group: 16, kernel: k(3, 3)},
	}, 2e-5)
}
