package extdata

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Writer writes files into one folder, all aside first: none is replaced before all are complete and on disk. What was there
// is replaced, not written to: files that are mapped, or that a link leads to, stay as they are.
type Writer struct {
	root  *os.Root
	files map[string]*aside // by clean location
}

// aside is a file that is not in its place yet.
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
		name := asideOf(loc)
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

// asideOf is a new name in the folder of a file, from where it can be renamed in one step.
func asideOf(loc string) string {
	return filepath.FromSlash(path.Join(path.Dir(loc), "."+rand.Text()+".tmp"))
}

// Commit puts all files in place, the one called last at the end, so that it never refers to what is not there yet.
// When it fails, the files that were there are there again.
func (w *Writer) Commit(last string) error {
	for _, a := range w.files {
		if err := errors.Join(a.f.Sync(), a.f.Close()); err != nil {
			return err
		}
	}
	last = path.Clean(last)
	if w.files[last] == nil {
		return &fs.PathError{Op: "commit", Path: last, Err: fs.ErrNotExist}
	}
	c := &commit{root: w.root}
	err := w.place(c, last)
	if err != nil && w.files[last] != nil {
		c.undo()
	}
	return errors.Join(err, c.close())
}

func (w *Writer) place(c *commit, last string) error {
	folders := map[string]bool{}
	for loc := range w.files {
		if loc != last {
			if err := c.replace(loc, w.files[loc].name); err != nil {
				return err
			}
			folders[path.Dir(loc)] = true
			delete(w.files, loc)
		}
	}
	if err := w.sync(folders); err != nil {
		return err
	}
	// Nothing follows that could ask for the old file, which must be whole under its one name when the process dies here.
	if err := w.root.Rename(w.files[last].name, filepath.FromSlash(last)); err != nil {
		return err
	}
	delete(w.files, last)
	return w.sync(map[string]bool{path.Dir(last): true})
}

// commit remembers what it replaced.
type commit struct {
	root *os.Root
	done []replaced
}

type replaced struct {
	name, old string // old is another name of what was there, "" when nothing was
	lost      bool   // what was there could not be kept, as on file systems without hard links
}

func (c *commit) replace(loc, with string) error {
	r := replaced{name: filepath.FromSlash(loc), old: asideOf(loc)}
	switch err := c.root.Link(r.name, r.old); {
	case errors.Is(err, fs.ErrNotExist):
		r.old = ""
	case err != nil:
		r.old, r.lost = "", true
	}
	if err := c.root.Rename(with, r.name); err != nil {
		if r.old != "" {
			return errors.Join(err, c.root.Remove(r.old))
		}
		return err
	}
	c.done = append(c.done, r)
	return nil
}

// undo puts back what was replaced.
func (c *commit) undo() {
	for _, r := range c.done {
		switch {
		case r.old != "":
			_ = c.root.Rename(r.old, r.name)
		case !r.lost:
			_ = c.root.Remove(r.name)
		}
	}
	c.done = nil
}

// close lets go of what was replaced.
func (c *commit) close() (err error) {
	for _, r := range c.done {
		if r.old != "" {
			err = errors.Join(err, c.root.Remove(r.old))
		}
	}
	return err
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
