package extdata

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
)

// Writer writes files into one folder, all aside first: none is replaced before all are complete and on disk.
type Writer struct {
	root  *os.Root
	files map[string]*aside // by clean location
}

type aside struct {
	f    *os.File
	name string
}

// NewWriter writes into dir, which must exist; "" is the current folder.
func NewWriter(dir string) (*Writer, error) {
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Writer{root: root, files: map[string]*aside{}}, nil
}

// WriteAt writes b at an offset of a file. Gaps between the parts are zeros.
func (w *Writer) WriteAt(loc string, b []byte, offset int64) error {
	if err := checkLocation(loc); err != nil {
		return err
	}
	loc = path.Clean(loc)
	a := w.files[loc]
	if a == nil {
		if dir := path.Dir(loc); dir != "." {
			if err := w.root.MkdirAll(filepath.FromSlash(dir), 0o777); err != nil {
				return err
			}
		}
		name := filepath.FromSlash(fmt.Sprintf("%s.%s.tmp", loc, rand.Text()[:12]))
		f, err := w.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		a = &aside{f, name}
		w.files[loc] = a
	}
	_, err := a.f.WriteAt(b, offset)
	return err
}

// Commit puts all files in place, the one called last at the end, so that it never refers to what is not there yet.
func (w *Writer) Commit(last string) error {
	for _, a := range w.files {
		if err := errors.Join(a.f.Sync(), a.f.Close()); err != nil {
			return err
		}
	}
	last = path.Clean(last)
	folders := map[string]bool{}
	place := func(loc string) error {
		err := w.root.Rename(w.files[loc].name, filepath.FromSlash(loc))
		if err == nil {
			delete(w.files, loc)
			folders[path.Dir(loc)] = true
		}
		return err
	}
	for loc := range w.files {
		if loc != last {
			if err := place(loc); err != nil {
				return err
			}
		}
	}
	if err := w.sync(folders); err != nil {
		return err
	}
	if err := place(last); err != nil {
		return err
	}
	return w.sync(map[string]bool{path.Dir(last): true})
}

// sync makes renames last through a crash, on systems that can.
func (w *Writer) sync(folders map[string]bool) error {
	for dir := range folders {
		f, err := w.root.Open(filepath.FromSlash(dir))
		if err != nil {
			return err
		}
		syncFolder(f)
		f.Close()
	}
	return nil
}

// Close removes what was not committed.
func (w *Writer) Close() error {
	for _, a := range w.files {
		a.f.Close()
		w.root.Remove(a.name)
	}
	return w.root.Close()
}

// syncFolder asks for the folder to be written; some file systems refuse that, which loses nothing but the guarantee.
func syncFolder(f *os.File) { _ = f.Sync() }
