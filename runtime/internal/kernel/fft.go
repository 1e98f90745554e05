package kernel

import "math"

// FFT computes discrete Fourier transforms of one length: X[k] = Σ x[i]·exp(−2πi·ik/n). Lengths whose prime factors are at most fftPrime
// go through Stockham's algorithm with mixed radices; others through Bluestein's, as a convolution of a length that is a power of two.
// It is read-only once made, so that any number of goroutines may use one.
type FFT struct {
	n       int
	factors []int
	roots   []complex128 // exp(−2πi·k/n)

	conv   *FFT         // Bluestein: of the length of the convolution
	chirp  []complex128 // exp(−πi·k²/n)
	kernel []complex128 // transform of the conjugate chirp, by conv.n
	half   *FFT         // of half the length, for real input
}

const fftPrime = 13

// FFTBytes bounds the memory that [NewFFT] takes for length n, in bytes.
func FFTBytes(n int) float64 { return 16 * 14 * float64(n) }

// NewFFT prepares transforms of length n, at least 1.
func NewFFT(n int) *FFT { return newFFT(n, true) }

func newFFT(n int, real bool) *FFT {
	f := &FFT{n: n, roots: make([]complex128, n)}
	for k := range f.roots {
		s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		f.roots[k] = complex(c, s)
	}
	if real && n%2 == 0 {
		f.half = newFFT(n/2, false)
	}
	rest := n
	for _, p := range []int{4, 2, 3, 5, 7, 11, fftPrime} {
		for rest%p == 0 {
			f.factors = append(f.factors, p)
			rest /= p
		}
	}
	if rest > 1 {
		f.bluestein()
	}
	return f
}

func (f *FFT) bluestein() {
	n := f.n
	f.factors = nil
	m := 1
	for m < 2*n-1 {
		m *= 2
	}
	f.conv = newFFT(m, false)
	f.chirp = make([]complex128, n)
	square := 0 // k² mod 2n: the angle repeats after that
	for k := range f.chirp {
		s, c := math.Sincos(-math.Pi * float64(square) / float64(n))
		f.chirp[k] = complex(c, s)
		square = (square + 2*k + 1) % (2 * n)
	}
	f.kernel = make([]complex128, m)
	for k, c := range f.chirp {
		conj := complex(real(c), -imag(c))
		f.kernel[k] = conj
		f.kernel[(m-k)%m] = conj
	}
	f.conv.Transform(f.kernel, make([]complex128, m))
}

// Len is the length of the transform.
func (f *FFT) Len() int { return f.n }

// Work is how many numbers of scratch memory Transform and Real need.
func (f *FFT) Work() int {
	if f.conv != nil {
		return 2 * f.conv.n
	}
	w := f.n
	if f.half != nil {
		w = max(w, f.half.Work())
	}
	return w
}

// Transform replaces the n numbers of x by their transform.
func (f *FFT) Transform(x, work []complex128) {
	x = x[:f.n]
	if f.conv != nil {
		f.convolve(x, work)
		return
	}
	src, dst := x, work[:f.n]
	done := 1
	for _, p := range f.factors {
		switch p {
		case 2:
			f.pass2(dst, src, done)
		case 4:
			f.pass4(dst, src, done)
		default:
			f.pass(dst, src, done, p)
		}
		src, dst = dst, src
		done *= p
	}
	if len(f.factors)%2 == 1 {
		copy(x, src)
	}
}

// pass is one step of Stockham's algorithm. With m = n/(done·p), for j, q < p, k < done and i < m:
//
//	dst[i + m·(k + done·j)] = roots[i·j·done] · Σ src[i + m·(q + p·k)] · exp(−2πi·jq/p)
func (f *FFT) pass(dst, src []complex128, done, p int) {
	m, turn := f.n/(done*p), f.n/p
	var in [fftPrime]complex128
	for k := range done {
		for i := range m {
			for q := range p {
				in[q] = src[i+m*(q+p*k)]
			}
			for j := range p {
				s := in[0]
				for q, at := 1, j; q < p; q, at = q+1, (at+j)%p {
					s += in[q] * f.roots[at*turn]
				}
				dst[i+m*(k+done*j)] = s * f.roots[i*j*done]
			}
		}
	}
}

func (f *FFT) pass2(dst, src []complex128, done int) {
	m := f.n / (done * 2)
	for k := range done {
		a, b := src[2*m*k:][:m], src[2*m*k+m:][:m]
		x, y := dst[m*k:][:m], dst[m*(k+done):][:m]
		for i := range a {
			x[i] = a[i] + b[i]
			y[i] = (a[i] - b[i]) * f.roots[i*done]
		}
	}
}

func (f *FFT) pass4(dst, src []complex128, done int) {
	m := f.n / (done * 4)
	for k := range done {
		a, b, c, d := src[4*m*k:][:m], src[4*m*k+m:][:m], src[4*m*k+2*m:][:m], src[4*m*k+3*m:][:m]
		w, x, y, z := dst[m*k:][:m], dst[m*(k+done):][:m], dst[m*(k+2*done):][:m], dst[m*(k+3*done):][:m]
		for i := range a {
			s0, d0, s1, d1 := a[i]+c[i], a[i]-c[i], b[i]+d[i], b[i]-d[i]
			t := complex(imag(d1), -real(d1)) // −i·d1
			w[i] = s0 + s1
			x[i] = (d0 + t) * f.roots[i*done]
			y[i] = (s0 - s1) * f.roots[2*i*done]
			z[i] = (d0 - t) * f.roots[3*i*done]
		}
	}
}

// convolve is Bluestein's algorithm: with ik = (i² + k² − (k−i)²)/2 the transform is a convolution with the conjugate chirp, between two multiplications by the chirp.
func (f *FFT) convolve(x, work []complex128) {
	m := f.conv.n
	y, work := work[:m], work[m:2*m]
	for k, c := range f.chirp {
		y[k] = x[k] * c
	}
	clear(y[f.n:])
	f.conv.Transform(y, work)
	for k, v := range f.kernel {
		v *= y[k]
		y[k] = complex(real(v), -imag(v)) // the conjugate, so that the next transform is the inverse one
	}
	f.conv.Transform(y, work)
	scale := 1 / float64(m)
	for k, c := range f.chirp {
		x[k] = complex(real(y[k])*scale, -imag(y[k])*scale) * c
	}
}

// Real transforms n real numbers, given as the real parts of x, and writes the first n/2+1 results over x. With an even length it takes a transform of half the length:
// even numbers become real and odd ones imaginary parts, whose spectra come apart by their symmetry.
func (f *FFT) Real(x, work []complex128) {
	if f.half == nil {
		f.Transform(x, work)
		return
	}
	h := f.n / 2
	for i := range h {
		x[i] = complex(real(x[2*i]), real(x[2*i+1]))
	}
	f.half.Transform(x, work)
	x[h] = x[0]
	for k := 0; k <= h-k; k++ {
		a, b := x[k], x[h-k]
		x[k] = f.split(a, b, k)
		x[h-k] = f.split(b, a, h-k)
	}
}

// split is result k of the real transform out of results k and n/2−k of the half one.
func (f *FFT) split(a, b complex128, k int) complex128 {
	b = complex(real(b), -imag(b))
	even, odd := (a+b)/2, (a-b)/2
	return even + complex(imag(odd), -real(odd))*f.roots[k]
}
