//go:build !linux

package tensor

func adviseHuge([]byte) {}

func populate([]byte) {}

func dropPages([]byte) {}
