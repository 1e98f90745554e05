package kernel

// Run computes the given number of pixels, see convSpanGo.
func (s *ConvSpan) Run(pixels int) { convSpanGo(s, pixels) }
