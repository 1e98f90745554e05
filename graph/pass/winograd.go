package pass

// Costs in products of float32 numbers, of which a core does some 50 in a nanosecond, 500 in the time that it reads 32 bytes of memory.
const (
	directProduct  = 1.1 // of a direct convolution: not all of the time is spent on products
	winogradPixel  = 7.  // of a pixel of a patch, when it is transformed
	weightByte     = 2.5 // of reading weights
	winogradMinIn  = 8   // fewer channels, as of a first layer, are not worth a transform
	winogradMinOut = 16  // fewer would leave most of a panel empty

	trainingBatch = 16  // images in a run of a network whose weights vary: a guess, for the choice must not depend on it
	packWeight    = 2.5 // of packing one number of a transformed kernel that varies
)

// winogradTile is the size of the tiles with which minimal filtering computes the convolution best, or 0 for one that is better done directly.
// F(4,3) needs the fewest products, but has four times the weights, which small images do not make up for; F(2,3) is in between.
func (c *convShape) winogradTile() int {
	if c.kernel != [2]int{3, 3} || c.strides != [2]int{1, 1} || c.dilations != [2]int{1, 1} || c.group != 1 || c.in < winogradMinIn || c.out < winogradMinOut {
		return 0
	}
	h, w := c.imageSize()
	in, out, images, pack := float64(c.in), float64(c.out), 1., 0.
	if c.varies {
		images, pack = trainingBatch, packWeight
	}
	best, cost := 0, overlap(directProduct*9*float64(h*w)*images*in*out+pack*9*in*out, weightByte*36*in*out)
	for _, m := range []int{2, 4} {
		tiles, patch := images*float64((h+m-1)/m*((w+m-1)/m)), float64((m+2)*(m+2))
		work := tiles*patch*(in*out+winogradPixel*(in+out)) + pack*patch*in*out
		if t := overlap(work, weightByte*4*patch*in*out); t < cost {
			best, cost = m, t
		}
	}
	return best
}

// overlap is the time for work beside reading memory: mostly the longer of the two.
func overlap(work, memory float64) float64 { return max(work, memory) + min(work, memory)/4 }

// imageSize is the size of the images, or a guess for what is unknown: networks that shrink images have about as many more channels.
func (c *convShape) imageSize() (h, w int) {
	guess := max(1, 3584/max(c.in, c.out))
	h, w = c.size[0], c.size[1]
	if h <= 0 {
		h = guess
	}
	if w <= 0 {
		w = guess
	}
	return h, w
}
