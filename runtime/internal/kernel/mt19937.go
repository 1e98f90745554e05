package kernel

// MT19937 is the Mersenne Twister (https://doi.org/10.1145/272991.272995), seeded as init_genrand does: the numbers that operators with a
// seed draw in the standard's reference.
type MT19937 struct {
	state [624]uint32
	at    int
}

// Seed starts the sequence.
func (m *MT19937) Seed(s uint32) {
	m.state[0] = s
	for i := 1; i < len(m.state); i++ {
		p := m.state[i-1]
		m.state[i] = 1812433253*(p^p>>30) + uint32(i)
	}
	m.at = len(m.state)
}

// Uint32 is the next number.
func (m *MT19937) Uint32() uint32 {
	const n, mid = 624, 397
	if m.at >= n {
		for i := range m.state {
			y := m.state[i]&0x80000000 | m.state[(i+1)%n]&0x7fffffff
			v := m.state[(i+mid)%n] ^ y>>1
			if y&1 != 0 {
				v ^= 0x9908b0df
			}
			m.state[i] = v
		}
		m.at = 0
	}
	y := m.state[m.at]
	m.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// Float64 is uniform in [0, 1) with 53 bits.
func (m *MT19937) Float64() float64 {
	a, b := m.Uint32()>>5, m.Uint32()>>6
	return (float64(a)*67108864 + float64(b)) / 9007199254740992
}
