//go:build !amd64 || noasm

package kernel

func (s *WeightSum) run()      { weightSumGo(s) }
func (s *WeightSum) runLanes() { weightLanesGo(s) }
