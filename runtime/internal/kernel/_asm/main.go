// Command asm generates the assembly of package kernel: one family of functions per file here, ../asm_FAMILY_amd64.s, and the Go
// declarations, ../asm_FAMILY_amd64.go.
//
//	go -C _asm run .              all families, each in a process of its own, for avo keeps its file in globals
//	go -C _asm run . -family spin
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
)

// families are the generators, by the names of their files.
var families = map[string]func(){
	"attention":  attention,
	"batchnorm":  batchnorm,
	"binary":     vecBinary,
	"block":      block,
	"conv":       conv,
	"convert":    convert,
	"depthwise":  depthwise,
	"gates":      gates,
	"gates_grad": gatesGrad,
	"gemm":       gemm,
	"gemv":       gemv,
	"narrow":     narrow,
	"norm":       norm,
	"pool":       pool,
	"rotate":     rotate,
	"pool_grad":  poolGrad,
	"select":     selects,
	"peak":       peak,
	"spin":       spin,
	"transpose":  transpose,
	"tree":       tree,
	"vec":        vecUnary,
	"weights":    weights,
	"weighted":   weighted,
	"winograd":   winograd,
}

func main() {
	family := flag.String("family", "", "generate this family only")
	flag.Parse()
	if flag.Lookup("out").Value.String() != "" { // avo's own flags: -out, -stubs, -pkg
		build.ConstraintExpr("!noasm")
		families[*family]()
		build.Generate()
		return
	}
	names := []string{*family}
	if *family == "" {
		names = names[:0]
		for name := range families {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	self, err := os.Executable()
	check(err)
	for _, name := range names {
		if families[name] == nil {
			check(fmt.Errorf("no family %q", name))
		}
		c := exec.Command(self, "-family", name, "-out", "../asm_"+name+"_amd64.s", "-stubs", "../asm_"+name+"_amd64.go", "-pkg", "kernel")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		check(c.Run())
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "asm:", err)
		os.Exit(1)
	}
}

// align puts the next instruction at a multiple of 64 bytes; avo has no word for it.
func align() {
	build.Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []operand.Op{operand.Imm(64)}})
}
