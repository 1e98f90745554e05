// Package audio reads sound files as the tensors that audio models take.
package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Sound is samples in -1 … 1, the channels averaged.
type Sound struct {
	Rate    int // samples a second
	Samples []float64
}

// maxSamples bounds what a file may hold: a day at 16 kHz.
const maxSamples = 24 * 3600 * 16000

// ReadWAV decodes a RIFF/WAVE file of 8, 16, 24 or 32-bit integers or 32 or 64-bit floats.
func ReadWAV(r io.Reader) (*Sound, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, fmt.Errorf("not a WAVE file")
	}
	var format, channels, bits, rate int
	for {
		var c [8]byte
		if _, err := io.ReadFull(r, c[:]); err != nil {
			return nil, fmt.Errorf("wave file without data: %w", err)
		}
		id, size := string(c[:4]), int64(binary.LittleEndian.Uint32(c[4:]))
		switch id {
		case "fmt ":
			if size < 16 || size > 4096 {
				return nil, fmt.Errorf("wave format of %d bytes", size)
			}
			b := make([]byte, size+size&1)
			if _, err := io.ReadFull(r, b); err != nil {
				return nil, fmt.Errorf("wave format: %w", err)
			}
			format, channels = int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
			rate, bits = int(binary.LittleEndian.Uint32(b[4:])), int(binary.LittleEndian.Uint16(b[14:]))
			if format == 0xfffe && size >= 26 { // extensible: the real format follows
				format = int(binary.LittleEndian.Uint16(b[24:]))
			}
		case "data":
			return readSamples(r, size, format, channels, bits, rate)
		default:
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return nil, fmt.Errorf("wave chunk %q: %w", id, err)
			}
		}
	}
}

func readSamples(r io.Reader, size int64, format, channels, bits, rate int) (*Sound, error) {
	width := bits / 8
	ok := format == 1 && (bits == 8 || bits == 16 || bits == 24 || bits == 32) || format == 3 && (bits == 32 || bits == 64)
	if !ok || channels < 1 || channels > 64 {
		return nil, fmt.Errorf("wave format %d with %d bits and %d channels; convert the file to 16-bit PCM", format, bits, channels)
	}
	if size/int64(width*channels) > maxSamples {
		return nil, fmt.Errorf("wave file of %d samples, at most %d are read", size/int64(width*channels), maxSamples)
	}
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err != nil {
		return nil, err
	}
	s := &Sound{Rate: rate, Samples: make([]float64, len(data)/(width*channels))}
	for i := range s.Samples {
		sum := 0.0
		for c := range channels {
			sum += sample(data[(i*channels+c)*width:], format, bits)
		}
		s.Samples[i] = sum / float64(channels)
	}
	return s, nil
}

func sample(b []byte, format, bits int) float64 {
	switch {
	case format == 3 && bits == 32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case format == 3:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case bits == 8:
		return (float64(b[0]) - 128) / 128
	case bits == 16:
		return float64(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case bits == 24:
		return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
	}
	return float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
}
