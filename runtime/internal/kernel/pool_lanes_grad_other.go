//go:build !amd64 || noasm

package kernel

func (s *MaxLanes) grad() { maxLanesGo(s) }
