"""Prints the polynomials of the vector functions in runtime/internal/kernel/_asm/vecmath.go.

Each minimizes the largest weighted error on its interval (Lawson's iteration of weighted least squares at Chebyshev nodes). Coefficients
become float32 one after the other, lowest first, and those that are left are fitted again, so that they make up for the rounding.

    pip install mpmath numpy; python scripts/minimax.py
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 40
LN2 = mp.log(2)


def fit(f, weight, lo, hi, degree, fixed=()):
    """Coefficients c of sum c[k] x^k that minimize max |weight·(p - f)|; fixed are the first of them."""
    nodes = [(lo + hi) / 2 + (hi - lo) / 2 * mp.cos(mp.pi * (2 * i + 1) / 400) for i in range(200)]
    x = np.array([float(v) for v in nodes], dtype=np.longdouble)
    w = np.array([float(weight(v)) for v in nodes], dtype=np.longdouble)
    y = np.array([np.longdouble(mp.nstr(f(v), 25)) for v in nodes])
    c = [np.longdouble(v) for v in fixed]
    while len(c) <= degree:
        rest = y - sum(v * x**k for k, v in enumerate(c))
        rows = np.stack([x**k for k in range(len(c), degree + 1)], axis=1) * w[:, None]
        target = rest * w
        share = np.ones(len(x)) / len(x)
        for _ in range(60):
            s = np.sqrt(share)
            q, r = qr(rows * s[:, None])
            sol = back(r, q.T @ (target * s))
            err = np.abs(rows @ sol - target).astype(float)
            share = share * err
            share /= share.sum()
        c.append(np.longdouble(np.float32(sol[0])))
    error = max(np.abs(w * (sum(v * x**k for k, v in enumerate(c)) - y)))
    return [np.float32(v) for v in c], float(error)


def qr(a):
    """Gram-Schmidt, twice, in long double, which numpy's own does not know."""
    q = a.copy()
    n = a.shape[1]
    r = np.eye(n, dtype=np.longdouble)
    for _ in range(2):
        step = np.zeros((n, n), dtype=np.longdouble)
        for j in range(n):
            for i in range(j):
                step[i, j] = q[:, i] @ q[:, j]
                q[:, j] = q[:, j] - step[i, j] * q[:, i]
            step[j, j] = np.sqrt(q[:, j] @ q[:, j])
            q[:, j] = q[:, j] / step[j, j]
        r = step @ r
    return q, r


def back(r, b):
    x = np.zeros(len(b), dtype=np.longdouble)
    for i in reversed(range(len(b))):
        x[i] = (b[i] - r[i, i + 1:] @ x[i + 1:]) / r[i, i]
    return x


def show(name, c, error):
    print(f"\t// {name}: error {error:.1e}")
    print("\t{" + ", ".join(f"{float(v):.9g}" for v in c) + "},")


def normal_tail(t):
    return mp.erfc(t / mp.sqrt(2)) / 2


if __name__ == "__main__":
    half = LN2 / 2
    show("(exp(r) - 1 - r) / r² on ±ln2/2, relative to exp", *fit(
        lambda r: (mp.exp(r) - 1 - r) / r**2 if abs(r) > 1e-9 else mp.mpf(1) / 2, lambda r: r**2 / mp.exp(r), -half, half, 4))
    show("2^f on ±1/2", *fit(lambda f: mp.mpf(2)**f, lambda f: mp.mpf(2)**-f, mp.mpf(-1) / 2, mp.mpf(1) / 2, 6, [1]))
    show("(log(1+f) - f + f²/2) / f³ on -1/4 … 1/2, relative to log", *fit(
        lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, lambda f: abs(f**3 / mp.log1p(f)), mp.mpf(-1) / 4, mp.mpf(1) / 2, 7))
    show("(atanh(s)/s - 1) / s² of s², s² on 0 … 1/9", *fit(
        lambda q: (mp.atanh(mp.sqrt(q)) / mp.sqrt(q) - 1) / q, lambda q: q, mp.mpf("1e-12"), mp.mpf(1) / 9, 5))
    show("log2(normal tail) on 0 … 8, weighted by t·tail", *fit(  # beyond 8 it falls faster than the tail, as its last coefficient is negative
        lambda t: mp.log(normal_tail(t), 2), lambda t: mp.log(2) * (normal_tail(t) * max(t, .3) + 1e-8), mp.mpf(0), mp.mpf(8), 8, [-1]))
    show("log2(erfc(t)) on 0.875 … 4, relative to erf", *fit(
        lambda t: mp.log(mp.erfc(t), 2), lambda t: mp.erfc(t) * mp.log(2) / mp.erf(t), mp.mpf("0.875"), mp.mpf(4), 7))
    show("erf(t)/t - 1 of t², t on 0 … 0.875", *fit(
        lambda q: mp.erf(mp.sqrt(q)) / mp.sqrt(q) - 1, lambda q: mp.sqrt(q) / mp.erf(mp.sqrt(q)), mp.mpf("1e-12"), mp.mpf("0.765625"), 5))
    quarter = (mp.pi / 4)**2
    show("(sin(r)/r - 1) / r² of r², |r| up to π/4", *fit(
        lambda q: (mp.sin(mp.sqrt(q)) / mp.sqrt(q) - 1) / q, lambda q: q, mp.mpf("1e-12"), quarter, 2))
    show("(cos(r) - 1 + r²/2) / r⁴ of r², |r| up to π/4", *fit(
        lambda q: (mp.cos(mp.sqrt(q)) - 1 + q / 2) / q**2 if q > 1e-6 else mp.mpf(1) / 24 - q / 720, lambda q: q**2, mp.mpf("1e-12"), quarter, 2))
