package kernel

// QuantDense adds a product of quantized matrices to float32 numbers:
//
//	dst[i*ldd+j] += float32(Σ (a[i*k+p] − za) · (w[p*ldw+j] − zw[j])) · (sa · sw[j])     i < m, j < n, p < k
//
// zw and sw have one element or n. sum is n elements of scratch memory. Sums are exact for k below 2^15.
func QuantDense[W int8 | uint8](m, n, k int, a []uint8, za uint8, sa float32, w []W, ldw int, zw []W, sw []float32, dst []float32, ldd int, sum []int32) {
	sum = sum[:n]
	zero := int32(za)
	for i := range m {
		row := a[i*k:][:k]
		clear(sum)
		var total int32
		p := 0
		for ; p+4 <= k; p += 4 {
			a0, a1, a2, a3 := int32(row[p])-zero, int32(row[p+1])-zero, int32(row[p+2])-zero, int32(row[p+3])-zero
			total += a0 + a1 + a2 + a3
			w0, w1, w2, w3 := w[p*ldw:][:n], w[(p+1)*ldw:][:n], w[(p+2)*ldw:][:n], w[(p+3)*ldw:][:n]
			for j := range sum {
				sum[j] += a0*int32(w0[j]) + a1*int32(w1[j]) + a2*int32(w2[j]) + a3*int32(w3[j])
			}
		}
		for ; p < k; p++ {
			v := int32(row[p]) - zero
			total += v
			for j, x := range w[p*ldw:][:n] {
				sum[j] += v * int32(x)
			}
		}
		out := dst[i*ldd:][:n]
		for j, s := range sum {
			z, scale := zw[0], sw[0]
			if len(zw) > 1 {
				z = zw[j]
			}
			if len(sw) > 1 {
				scale = sw[j]
			}
			out[j] += float32(float32(s-total*int32(z)) * (sa * scale))
		}
	}
}
