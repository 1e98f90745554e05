package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Events is an event file of TensorBoard: records with checksums, as TFRecord frames them, of the protocol buffer tensorboard.Event
// (https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto).
type Events struct {
	f   *os.File
	now func() time.Time
}

// TensorBoard begins an event file in a folder, which is made if need be. With done above 0 it goes on with a training that was stopped: TensorBoard then forgets what
// earlier files of the folder say about steps after done.
func TensorBoard(dir string, done int) (*Events, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	e := &Events{now: time.Now}
	t := e.now()
	// Nanoseconds order files that were begun in the same second.
	name := fmt.Sprintf("events.out.tfevents.%d.%s.%d.%09d", t.Unix(), filepath.Base(host), os.Getpid(), t.Nanosecond())
	if e.f, err = os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
		return nil, err
	}
	err = e.write(text(e.event(0), 3, "brain.Event:2")) // file_version
	if err == nil && done > 0 {
		start := integer(nil, 1, 1) // SessionLog.status = START
		err = e.write(message(e.event(done+1), 7, start))
	}
	if err != nil {
		e.f.Close()
		return nil, err
	}
	return e, nil
}

// Path is the name of the file.
func (e *Events) Path() string { return e.f.Name() }

func (e *Events) Log(step int, values ...Value) error {
	var summary []byte
	for _, v := range values {
		x := text(nil, 1, v.Name)
		x = binary.LittleEndian.AppendUint32(append(x, 2<<3|5), math.Float32bits(float32(v.X))) // simple_value
		summary = message(summary, 1, x)
	}
	return e.write(message(e.event(step), 5, summary))
}

func (e *Events) Close() error { return e.f.Close() }

// event begins an Event: wall_time and step.
func (e *Events) event(step int) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(float64(e.now().UnixNano())/1e9))
	return integer(b, 2, uint64(step))
}

func integer(b []byte, field int, x uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3), x)
}

func message(b []byte, field int, x []byte) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3|2), uint64(len(x)))
	return append(b, x...)
}

func text(b []byte, field int, s string) []byte { return message(b, field, []byte(s)) }

func (e *Events) write(data []byte) error {
	_, err := e.f.Write(frame(data))
	return err
}

// frame is a TFRecord: length, its checksum, data, their checksum.
func frame(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	return binary.LittleEndian.AppendUint32(append(b, data...), masked(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the CRC-32C that TFRecord keeps, turned round so that the checksum of data with checksums in it is sound.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
