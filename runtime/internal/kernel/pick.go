package kernel

// Gather copies rows of inner elements: row r = (o, k) of to is row index[k] of the rows that the o-th block of from has,
// for the rows lo to hi-1. Every index is in 0 … rows-1.
func Gather[T Cell](to, from []T, index []int64, rows, inner, lo, hi int) {
	if len(index) == 0 || inner == 0 {
		return
	}
	o, k := lo/len(index), lo%len(index)
	for r := lo; r < hi; r++ {
		f := (o*rows + int(index[k])) * inner
		if inner == 1 {
			to[r] = from[f]
		} else {
			copy(to[r*inner:(r+1)*inner], from[f:f+inner])
		}
		if k++; k == len(index) {
			o, k = o+1, 0
		}
	}
}

// Pick copies elements by a table for each axis: element (i, j, …) of to is that of from at table₀[i] + table₁[j] + …. The tables, dims[k]
// long, follow one another in table. It fills the elements lo to hi-1.
func Pick[T Cell](to, from []T, dims []int, table []int64, lo, hi int) {
	if len(dims) == 0 {
		if lo < hi {
			to[lo] = from[0]
		}
		return
	}
	last := len(dims) - 1
	n := dims[last]
	inner := table[len(table)-n:]
	for lo < hi {
		row, first := lo/n, lo%n
		base, end := 0, len(table)-n
		for k := last - 1; k >= 0; k-- {
			end -= dims[k]
			base += int(table[end+row%dims[k]])
			row /= dims[k]
		}
		m := min(n-first, hi-lo)
		d := to[lo : lo+m]
		for i, v := range inner[first : first+m] {
			d[i] = from[base+int(v)]
		}
		lo += m
	}
}

// Unpack spreads elements of bits (2 or 4) bits, lowest first, to one byte each.
func Unpack(to, from []uint8, bits int) {
	per, mask := 8/bits, uint8(1)<<bits-1
	for i := range to {
		to[i] = from[i/per] >> (i % per * bits) & mask
	}
}

// Pack is the inverse of Unpack; bits of the last byte that belong to no element become 0.
func Pack(to, from []uint8, bits int) {
	per, mask := 8/bits, uint8(1)<<bits-1
	for i := range to {
		var b uint8
		for k, v := range from[i*per : min((i+1)*per, len(from))] {
			b |= v & mask << (k * bits)
		}
		to[i] = b
	}
}

// Indices writes indices that may count from the end as indices from 0. It returns the position of the first that is outside
// of -n … n-1, or -1.
func Indices[T int32 | int64](to []int64, from []T, n int) int {
	for i, v := range from {
		k := int64(v)
		if k < 0 {
			k += int64(n)
		}
		if k < 0 || k >= int64(n) {
			return i
		}
		to[i] = k
	}
	return -1
}

// Repeat is the byte that holds nothing but elements of bits (2 or 4) bits with the value v.
func Repeat(v uint8, bits int) uint8 {
	for ; bits < 8; bits *= 2 {
		v |= v << bits
	}
	return v
}

// Trilu copies the rows lo to hi-1 of matrices of h rows and w columns: of row i the elements from column i+k on when upper is set, else those
// up to column i+k; the others become zero.
func Trilu[T Cell](to, from []T, h, w, k int, upper bool, lo, hi int) {
	var zero T
	for r := lo; r < hi; r++ {
		first, end := 0, min(max(r%h+k+1, 0), w)
		if upper {
			first, end = min(max(r%h+k, 0), w), w
		}
		d, s := to[r*w:(r+1)*w], from[r*w:(r+1)*w]
		Fill(d[:first], zero)
		copy(d[first:end], s[first:end])
		Fill(d[end:], zero)
	}
}
