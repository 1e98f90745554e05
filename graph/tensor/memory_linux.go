package tensor

import (
	"os"
	"syscall"
)

// adviseHuge asks for huge pages where b is written for the first time. The collector's memory is as good as any for that: it comes
// from the system untouched, and neighbouring objects share pages.
func adviseHuge(b []byte) {
	if p := pages(b, os.Getpagesize()); p != nil {
		_ = syscall.Madvise(p, syscall.MADV_HUGEPAGE) // only advice
	}
}

// dropPages empties the pages of a mapped file, which are read again when they are needed.
func dropPages(b []byte) {
	if p := pages(b, os.Getpagesize()); p != nil {
		_ = syscall.Madvise(p, syscall.MADV_DONTNEED)
	}
}
