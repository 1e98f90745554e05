//go:build !unix

package onnx

import "errors"

func makePipe(string) error { return errors.ErrUnsupported }
