package onnx

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/onnxrun/onnxrun/graph"
)

// in says that err happened inside the field. Fields are put together from the inside out, so that text is made
// only when something is wrong.
func in(field string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*graph.FormatError); ok {
		switch {
		case e.Field == "":
			e.Field = field
		case e.Field[0] == '[':
			e.Field = field + e.Field
		default:
			e.Field = field + "." + e.Field
		}
		return e
	}
	return &graph.FormatError{Field: field, Offset: -1, Err: err}
}

// at is in for element i of a repeated field.
func at(field string, i int, err error) error {
	if err == nil {
		return nil
	}
	return in(fmt.Sprintf("%s[%d]", field, i), err)
}

// invalid makes err of kind ErrInvalid, if it is of neither kind that this package returns.
func invalid(err error) error {
	if err == nil || errors.Is(err, graph.ErrInvalid) || errors.Is(err, graph.ErrLimit) {
		return err
	}
	return fmt.Errorf("%w: %w", graph.ErrInvalid, err)
}

// located is err as a FormatError with the path of the file.
func located(path string, err error) error {
	if err == nil {
		return nil
	}
	var e *graph.FormatError
	if !errors.As(err, &e) {
		e = &graph.FormatError{Offset: -1, Err: err}
	}
	if e.Path == "" {
		e.Path = path
	}
	return e
}

// unreadable is located for what is read: whatever is wrong, the model is invalid or beyond a limit.
func unreadable(path string, err error) error {
	err = located(path, err)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) { // there is no model to be invalid
		return err
	}
	if e, ok := err.(*graph.FormatError); ok {
		e.Err = invalid(e.Err)
	}
	return err
}
