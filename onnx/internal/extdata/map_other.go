//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package extdata

import (
	"errors"
	"io/fs"
	"os"
)

const nonBlocking = 0

func mmap(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func links(fs.FileInfo) uint64 { return 1 }
