package kernel

import (
	"os"
	"syscall"
	"unsafe"
)

func hugeFloats(n int) []float32 {
	if os.Getenv("HUGE") == "" {
		return make([]float32, n)
	}
	b, err := syscall.Mmap(-1, 0, n*4+4<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	off := -int(uintptr(unsafe.Pointer(&b[0]))) & (2<<20 - 1)
	b = b[off:]
	syscall.Madvise(b[:len(b)&^(2<<20-1)], 14)
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n)
}
