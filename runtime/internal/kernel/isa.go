package kernel

//go:generate go -C _asm run .

// Tier is the set of instructions that kernels use. It is chosen once, when the process starts: the best that the processor has, or
// what the environment variable ONNXRUN_ISA asks for (avx512, avx2 or go) where that is less.
type Tier uint8

// The tiers, from the slowest to the fastest.
const (
	Go     Tier = iota // no assembly: the contract of every kernel, and what runs on other processors
	AVX2               // 256-bit vectors with FMA
	AVX512             // 512-bit vectors and masks: F, BW, DQ and VL
)

func (t Tier) String() string { return [...]string{"go", "avx2", "avx512"}[t] }

// tierOf is the tier to use on a processor that has best when the environment asks for name; "" and unknown names ask for the best.
func tierOf(name string, best Tier) Tier {
	for t := range best {
		if name == t.String() {
			return t
		}
	}
	return best
}
