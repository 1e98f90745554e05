//go:build !amd64 || noasm

package kernel

func spanTile() int         { return 0 }
func (s *ConvSpan) run(int) {}
