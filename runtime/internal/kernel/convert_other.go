//go:build !amd64 || noasm

package kernel

func widenVec(dst []float32, src []uint16, b bool) int  { return 0 }
func narrowVec(dst []uint16, src []float32, b bool) int { return 0 }
func intsToFloatsVec(dst []float32, src []int32) int    { return 0 }
func floatsToIntsVec(dst []int32, src []float32) int    { return 0 }
func longsToFloatsVec(dst []float32, src []int64) int   { return 0 }
func floatsToLongsVec(dst []int64, src []float32) int   { return 0 }
