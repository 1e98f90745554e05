package kernel

func activateVec(dst, src []float32, a Activation) bool { return false }
