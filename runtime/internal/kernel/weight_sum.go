package kernel

// WeightSum adds to sums of products over the positions of images: what gradients of convolutions' weights are made of. A position has Rows elements of S, one for
// each row of sums, and 16 lanes of V. Assembly knows the fields by their offsets.
type WeightSum struct {
	S, V []float32 // from the first position on
	Sums []float32
	Rows int // 16 at most
	Next int // elements of Sums from one row to the next

	Cols, Lines, Images int // positions of a line, lines of an image
	SCol, SLine, SImage int // elements of S from a column, line or image to the next
	VCol, VLine, VImage int // elements of V
}

// at are the first element of S, or of V, of the last position.
func (s *WeightSum) at() (inS, inV int) {
	return (s.Images-1)*s.SImage + (s.Lines-1)*s.SLine + (s.Cols-1)*s.SCol, (s.Images-1)*s.VImage + (s.Lines-1)*s.VLine + (s.Cols-1)*s.VCol
}

// Run meets every element of S with all lanes of V, see weightSumGo.
func (s *WeightSum) Run() {
	if s.Rows < 1 || s.Rows > 16 || s.Cols < 1 || s.Lines < 1 || s.Images < 1 {
		return
	}
	inS, inV := s.at()
	_, _, _ = s.S[inS+s.Rows-1], s.V[inV+15], s.Sums[(s.Rows-1)*s.Next+15]
	s.run()
}

// RunLanes is Run where S has 16 lanes a row, each of which meets the same lane of V: see weightLanesGo.
func (s *WeightSum) RunLanes() {
	if s.Rows < 1 || s.Rows > 16 || s.Cols < 1 || s.Lines < 1 || s.Images < 1 {
		return
	}
	inS, inV := s.at()
	_, _, _ = s.S[inS+16*s.Rows-1], s.V[inV+15], s.Sums[(s.Rows-1)*s.Next+15]
	s.runLanes()
}

// weightSumGo is the contract of WeightSum.Run: for all rows r and lanes l
//
//	Sums[r·Next + l] += Σ_image Σ_line Σ_col S[image·SImage + line·SLine + col·SCol + r] · V[image·VImage + line·VLine + col·VCol + l]
//
// where the sum over positions begins at zero and goes forward.
func weightSumGo(s *WeightSum) {
	for r := range s.Rows {
		var sum [16]float32
		s.each(func(inS, inV int) {
			x := s.S[inS+r]
			for l, v := range s.V[inV:][:16] {
				sum[l] += x * v
			}
		})
		addTo(s.Sums[r*s.Next:], &sum)
	}
}

// weightLanesGo is the contract of WeightSum.RunLanes, which reads S[… + 16·r + l] where Run reads S[… + r].
func weightLanesGo(s *WeightSum) {
	for r := range s.Rows {
		var sum [16]float32
		s.each(func(inS, inV int) {
			x := s.S[inS+16*r:][:16]
			for l, v := range s.V[inV:][:16] {
				sum[l] += x[l] * v
			}
		})
		addTo(s.Sums[r*s.Next:], &sum)
	}
}

// each calls f for the positions, with their first elements of S and V.
func (s *WeightSum) each(f func(inS, inV int)) {
	for image := range s.Images {
		for line := range s.Lines {
			for col := range s.Cols {
				f(image*s.SImage+line*s.SLine+col*s.SCol, image*s.VImage+line*s.VLine+col*s.VCol)
			}
		}
	}
}

func addTo(to []float32, sum *[16]float32) {
	to = to[:16]
	for l, v := range sum {
		to[l] += v
	}
}
