//go:build !noasm

package kernel

import (
	"os"

	"golang.org/x/sys/cpu"
)

// Kernels branch on these; useAVX2 is set beside useAVX512. Plain variables and direct calls, for a call through a function variable makes
// its slices escape.
var (
	useAVX512 bool
	useAVX2   bool
)

func init() { setTier(tierOf(os.Getenv("ONNXRUN_ISA"), bestTier())) }

// bestTier is what the processor and the operating system support.
func bestTier() Tier {
	switch x := &cpu.X86; {
	case !(x.HasAVX2 && x.HasFMA && x.HasF16C):
		return Go
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return AVX512
	}
	return AVX2
}

func setTier(t Tier) { useAVX512, useAVX2 = t >= AVX512, t >= AVX2 }

// Active is the tier in use.
func Active() Tier {
	switch {
	case useAVX512:
		return AVX512
	case useAVX2:
		return AVX2
	}
	return Go
}
