package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// messageOf is an empty message of the kind.
func messageOf(k Kind) interface {
	Unmarshal([]byte) error
	Marshal() ([]byte, error)
	Size() int
} {
	return reflect.New(schema[k].typ).Interface().(interface {
		Unmarshal([]byte) error
		Marshal() ([]byte, error)
		Size() int
	})
}

// allocated is what f allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// costFactor is how much more than the scan reckons decoding may allocate in all. The longest lists grow by a quarter at
// a time, so that about four fifths of what they take are garbage at the end.
const costFactor = 6

// TestCostCoversDecoding repeats each field of each message, as short as can be, and compares what the scan reckons with what
// decoding allocates.
func TestCostCoversDecoding(t *testing.T) {
	const times = 20000
	for k := range schema {
		if k == int(none) {
			continue
		}
		for _, f := range protoFields(schema[k].typ) {
			num, name := tagOf(f)
			wireType := strings.SplitN(f.Tag.Get("protobuf"), ",", 2)[0]
			tag := binary.AppendUvarint(nil, uint64(num)<<3)
			with := func(typ byte, content ...byte) []byte {
				b := append(bytes.Clone(tag), content...)
				b[0] |= typ
				return b
			}
			var forms [][]byte
			switch wireType {
			case "varint":
				forms = [][]byte{with(varint, 1)}
			case "fixed32":
				forms = [][]byte{with(fixed32, 0, 0, 0, 0)}
			case "fixed64":
				forms = [][]byte{with(fixed64, 0, 0, 0, 0, 0, 0, 0, 0)}
			case "bytes":
				forms = [][]byte{with(bytesType, 0)}
			}
			list := f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() != reflect.Uint8
			switch {
			case list && wireType == "varint":
				forms = append(forms, with(bytesType, 1, 1), with(bytesType, append([]byte{100}, make([]byte, 100)...)...))
			case list && strings.HasPrefix(wireType, "fixed"):
				forms = append(forms, with(bytesType, append([]byte{8}, make([]byte, 8)...)...))
			case schema[k].fields[num].kind == none && wireType == "bytes":
				forms = append(forms, with(bytesType, 1, 'a'))
			}
			for _, form := range forms {
				checkCost(t, Kind(k), name, bytes.Repeat(form, times))
			}
		}
		checkCost(t, Kind(k), "an unknown field", bytes.Repeat([]byte{0x9a, 0x3f, 0}, times))
		checkCost(t, Kind(k), "an unknown group", bytes.Repeat([]byte{0x9b, 0x3f, 0x9c, 0x3f}, times))
	}
}

func checkCost(t *testing.T, k Kind, what string, b []byte) {
	t.Helper()
	reckoned, err := scan(b, k, roomy)
	m := messageOf(k)
	got := allocated(func() {
		if err == nil {
			err = m.Unmarshal(b)
		}
	})
	if err != nil {
		t.Errorf("%v, %s: %v", schema[k].typ, what, err)
	}
	if got > costFactor*reckoned+1<<12 {
		t.Errorf("%v, %d bytes of %s: %d bytes allocated, %d reckoned", schema[k].typ, len(b), what, got, reckoned)
	}
}

// FuzzDecode wants no panic, and no more memory than a factor of what was reckoned, from decoding what the scan accepts, and
// the same content again after encoding.
func FuzzDecode(f *testing.F) {
	f.Add(byte(Model), lengthDelimited(7, append(lengthDelimited(1, lengthDelimited(5, lengthDelimited(5, 8, 3, 9<<3|bytesType, 2, 1, 2)...)...), lengthDelimited(2, 'g')...)...))
	f.Add(byte(Tensor), []byte("\x08\x02\x10\x01\x22\x08\x00\x00\x80\x3f\x00\x00\x00\x40\x42\x01w"))
	f.Add(byte(Sequence), []byte("\x10\x01\x1a\x06\x08\x01\x10\x07\x38\x05"))
	f.Add(byte(Map), []byte("\x10\x07\x18\x01\x2a\x04\x10\x01\x1a\x00"))
	f.Add(byte(Optional), nested(90, 7))
	f.Add(byte(Model), []byte{0x9b, 0x03, 0x9b, 0x03, 0x08, 0x01, 0x9c, 0x03, 0x9c, 0x03})
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		k := Kind(kind)%Optional + 1
		cost, err := scan(b, k, Limits{Depth: 50, Nodes: 1000, Bytes: 16 << 20})
		if err != nil {
			if !strings.Contains(fmt.Sprintf("%T", err), "FormatError") {
				t.Fatalf("error %T", err)
			}
			return
		}
		m := messageOf(k)
		got := allocated(func() { err = m.Unmarshal(b) })
		if limit := costFactor*cost + 1<<17; got > limit { // the fuzzer itself allocates meanwhile
			t.Fatalf("%d bytes allocated, %d reckoned", got, cost)
		}
		if err != nil {
			return // a field of another type, which the decoder tells
		}
		once, err := m.Marshal()
		if err != nil || len(once) != m.Size() {
			t.Fatalf("%d bytes for %d: %v", len(once), m.Size(), err)
		}
		again := messageOf(k)
		if err := again.Unmarshal(once); err != nil {
			t.Fatal(err)
		}
		if twice, err := again.Marshal(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x becomes %x: %v", once, twice, err)
		}
	})
}
