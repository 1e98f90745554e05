//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package extdata

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// traps puts into the root what could lead out of it, or hold up who opens it, and gives its location.
var traps = map[string]func(t *testing.T, p place) string{
	"link to a file": func(t *testing.T, p place) string {
		return symlink(t, p, filepath.Join(p.outside, "secret"), "trap", "")
	},
	"relative link": func(t *testing.T, p place) string { return symlink(t, p, "../outside/secret", "trap", "") },
	"link to a folder": func(t *testing.T, p place) string {
		return symlink(t, p, p.outside, "trap", "/secret")
	},
	"link to the parent": func(t *testing.T, p place) string { return symlink(t, p, "..", "trap", "/outside/secret") },
	"link in a folder":   func(t *testing.T, p place) string { return symlink(t, p, "../../outside/secret", "sub/trap", "") },
	"link to a link": func(t *testing.T, p place) string {
		symlink(t, p, "../outside/secret", "second", "")
		return symlink(t, p, "second", "trap", "")
	},
	"link to itself":       func(t *testing.T, p place) string { return symlink(t, p, "trap", "trap", "") },
	"link to nothing":      func(t *testing.T, p place) string { return symlink(t, p, "../outside/none", "trap", "") },
	"link to a device":     func(t *testing.T, p place) string { return symlink(t, p, "/dev/zero", "trap", "") },
	"link to the terminal": func(t *testing.T, p place) string { return symlink(t, p, "/dev/stdin", "trap", "") },
	"link to the process":  func(t *testing.T, p place) string { return symlink(t, p, "/proc/self/environ", "trap", "") },
	"hard link": func(t *testing.T, p place) string {
		must(t, os.Link(filepath.Join(p.outside, "secret"), filepath.Join(p.root, "trap")))
		return "trap"
	},
	"link to a hard link": func(t *testing.T, p place) string {
		must(t, os.Link(filepath.Join(p.outside, "secret"), filepath.Join(p.root, "hard")))
		return symlink(t, p, "hard", "trap", "")
	},
	"named pipe": func(t *testing.T, p place) string {
		must(t, syscall.Mkfifo(filepath.Join(p.root, "trap"), 0o666))
		return "trap"
	},
	"link to a named pipe": func(t *testing.T, p place) string {
		must(t, syscall.Mkfifo(filepath.Join(p.root, "pipe"), 0o666))
		return symlink(t, p, "pipe", "trap", "")
	},
	"socket": func(t *testing.T, p place) string {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		must(t, err)
		t.Cleanup(func() { syscall.Close(fd) })
		t.Chdir(p.root) // names of sockets are short
		must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: "trap"}))
		return "trap"
	},
}

func symlink(t *testing.T, p place, to, name, below string) string {
	t.Helper()
	must(t, os.Symlink(to, filepath.Join(p.root, name)))
	return name + below
}

func TestLoadRefusesTraps(t *testing.T) {
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			loc := set(t, p)
			for _, f := range p.files(t) {
				start := time.Now()
				b, err := load(f, len(secret), "location="+loc)
				refused(t, start, b, err)
				b, err = load(f, 0, "location="+loc)
				refused(t, start, b, err)
			}
		})
	}
}

// TestWriteIntoTraps may refuse them or replace them, but never write through them.
func TestWriteIntoTraps(t *testing.T) {
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			loc := set(t, p)
			start := time.Now()
			err := write(t, p.root, "m.onnx=model", loc+"=overwritten")
			if d := time.Since(start); d > time.Second {
				t.Errorf("took %v", d)
			}
			p.intact(t)
			p.tidy(t)
			if err == nil {
				p.has(t, map[string]string{"m.onnx": "model", loc: "overwritten"})
				if info, err := os.Lstat(filepath.Join(p.root, loc)); err != nil || !info.Mode().IsRegular() {
					t.Errorf("%v, %v", info, err)
				}
			}
			if err != nil && !strings.Contains(loc, "/") {
				t.Errorf("%v; want it replaced", err)
			}
		})
	}
}

func TestDevice(t *testing.T) {
	p := newPlace(t)
	if err := syscall.Mknod(filepath.Join(p.root, "zero"), syscall.S_IFCHR|0o666, 1<<8|5); err != nil {
		t.Skip("only root makes devices: ", err)
	}
	for _, f := range p.files(t) {
		b, err := load(f, 8, "location=zero")
		refused(t, time.Now(), b, err)
	}
}

func TestLinkInside(t *testing.T) {
	p := newPlace(t)
	symlink(t, p, "sub/w", "link", "")
	symlink(t, p, "sub", "folder", "")
	for way, f := range p.files(t) {
		for _, loc := range []string{"link", "folder/w"} {
			if b, err := load(f, 6, "location="+loc); err != nil || string(b) != "in sub" {
				t.Errorf("%s, %s: %q, %v", way, loc, b, err)
			}
		}
	}
}

// TestSwappedLink exchanges a file for a link that leads out, again and again while it is read.
func TestSwappedLink(t *testing.T) {
	p := newPlace(t)
	good, bad, loc := filepath.Join(p.root, "good"), filepath.Join(p.root, "bad"), filepath.Join(p.root, "swapped")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				os.Symlink("sub/w", good)
				os.Rename(good, loc)
				os.Symlink("../outside/secret", bad)
				os.Rename(bad, loc)
			}
		}
	}()
	read := 0
	for range 3000 {
		b, err := Dir(p.root).Contents("swapped")
		if err == nil {
			if read++; string(b) != "in sub" {
				t.Errorf("read %q", b)
				break
			}
		}
	}
	close(stop)
	<-done
	t.Logf("%d of 3000 read the file inside", read)
}
