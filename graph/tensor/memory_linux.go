package tensor

import (
	"os"
	"syscall"
	"unsafe"
)

// hugePage is the size of a huge page, as on every architecture whose small pages have 4 KiB.
const hugePage = 2 << 20

// adviseHuge asks for huge pages where b is written for the first time. The collector's memory is as good as any for that: it comes
// from the system untouched, in pieces of 4 MiB. Neighbouring objects share the pages at both ends, which are asked for whole: the system hands
// out no huge page that reaches beyond the advice, and 500 small ones take ten times as long.
func adviseHuge(b []byte) {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	lo, hi := base&^(hugePage-1), (base+uintptr(len(b))+hugePage-1)&^(hugePage-1)
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, lo, hi-lo, syscall.MADV_HUGEPAGE) // only advice
}

// populate takes the pages of b from the system at once, which costs less than one after the other where they are written first.
func populate(b []byte) {
	const populateWrite = 23 // MADV_POPULATE_WRITE, from Linux 5.14
	if p := pages(b, os.Getpagesize()); p != nil {
		_ = syscall.Madvise(p, populateWrite) // else the first write does it
	}
}

// dropPages empties the pages of a mapped file, which are read again when they are needed.
func dropPages(b []byte) {
	if p := pages(b, os.Getpagesize()); p != nil {
		_ = syscall.Madvise(p, syscall.MADV_DONTNEED)
	}
}
