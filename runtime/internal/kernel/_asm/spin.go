package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// spin is what a thread does that waits for work in a loop.
func spin() {
	TEXT("asmPause", NOSPLIT|NOFRAME, "func(n int)")
	Doc("asmPause executes n PAUSE instructions, n > 0.")
	n := Load(Param("n"), GP64())
	Label("loop")
	PAUSE()
	DECQ(n)
	JNZ(LabelRef("loop"))
	RET()
}
