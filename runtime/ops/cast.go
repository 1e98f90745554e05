package ops

import (
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

const castTypes = "T1 = num f8 bool str f4e2m1 f8e8m0 u4 i4 u2 i2 f6e2m3 f6e3m2; T2 = num f8 bool str f4e2m1 f8e8m0 u4 i4 u2 i2 f6e2m3 f6e3m2"

// Cast converts elements to another type. Floating-point numbers are rounded to nearest, ties to even, and cut toward zero when they become integers; integers
// keep their lowest bits; strings are read and written as decimal numbers.
var cast = family(
	&graph.Op{
		Name: "Cast", Since: 28,
		Sig:   "(input:T1) -> (output:T2); to int!; saturate int = 1; round_mode string = up;" + castTypes,
		Infer: inferCast, Run: runCast,
		Grad: by1(castGrad),
	},
	&graph.Op{Since: 25, Sig: "T1 = num f8 bool str f4e2m1 f8e8m0 u4 i4 u2 i2; T2 = num f8 bool str f4e2m1 f8e8m0 u4 i4 u2 i2"},
	&graph.Op{Since: 24, Sig: "T1 = num f8 bool str f4e2m1 f8e8m0 u4 i4; T2 = num f8 bool str f4e2m1 f8e8m0 u4 i4"},
	&graph.Op{Since: 23, Sig: "T1 = num f8 bool str f4e2m1 u4 i4; T2 = num f8 bool str f4e2m1 u4 i4; -round_mode"},
	&graph.Op{Since: 21, Sig: "T1 = num f8 bool str u4 i4; T2 = num f8 bool str u4 i4"},
	&graph.Op{Since: 19, Sig: "T1 = num f8 bool str; T2 = num f8 bool str"},
	&graph.Op{Since: 13, Sig: "T1 = num bool str; T2 = num bool str; -saturate"},
	&graph.Op{Since: 9, Sig: "T1 = int f16 f32 f64 bool str; T2 = int f16 f32 f64 bool str"},
	&graph.Op{Since: 6, Sig: "T1 = int f16 f32 f64 bool; T2 = int f16 f32 f64 bool"},
	&graph.Op{Since: 1, Sig: "to string!", Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		d, ok := oldTypeNames[strings.ToUpper(n.Str("to"))]
		if !ok {
			b.Fail(graph.Typef("there is no type %q", n.Str("to")))
			return nil
		}
		return []*graph.Value{b.Op("Cast", n.In[0], graph.Int("to", int(d)))}
	}},
)

// oldTypeNames are the names of types in the attribute to of Cast-1.
var oldTypeNames = map[string]tensor.DType{"FLOAT": tensor.Float32, "UINT8": tensor.Uint8, "INT8": tensor.Int8, "UINT16": tensor.Uint16, "INT16": tensor.Int16,
	"INT32": tensor.Int32, "INT64": tensor.Int64, "BOOL": tensor.Bool, "FLOAT16": tensor.Float16, "DOUBLE": tensor.Float64, "UINT32": tensor.Uint32, "UINT64": tensor.Uint64}

// CastLike is Cast to the type of the second input.
var castLike = family(
	&graph.Op{
		Name: "CastLike", Since: 25,
		Sig: `(input:T1, target_type:T2) -> (output:T2); saturate int = 1; round_mode string = up
			T1 = num f8 bool str f4e2m1 f8e8m0 u4 i4 u2 i2; T2 = num f8 bool str f4e2m1 f8e8m0 u4 i4 u2 i2`,
		Expand: expandCastLike,
		Grad:   by1(castGrad),
	},
	&graph.Op{Since: 24, Sig: "T1 = num f8 bool str f4e2m1 f8e8m0 u4 i4; T2 = num f8 bool str f4e2m1 f8e8m0 u4 i4"},
	&graph.Op{Since: 23, Sig: "T1 = num f8 bool str f4e2m1 u4 i4; T2 = num f8 bool str f4e2m1 u4 i4; -round_mode"},
	&graph.Op{Since: 21, Sig: "T1 = num f8 bool str u4 i4; T2 = num f8 bool str u4 i4"},
	&graph.Op{Since: 19, Sig: "T1 = num f8 bool str; T2 = num f8 bool str"},
	&graph.Op{Since: 15, Sig: "T1 = num bool str; T2 = num bool str; -saturate"},
)

func expandCastLike(b *graph.Builder, n *graph.Node) []*graph.Value {
	d := n.In[1].Type.DType
	if d == tensor.Invalid {
		b.Fail(graph.Unsupportedf("the type of the second input is unknown"))
		return nil
	}
	attrs := []graph.Arg{n.In[0], graph.Int("to", int(d))}
	for _, a := range n.Attrs {
		attrs = append(attrs, a)
	}
	return []*graph.Value{b.Op("Cast", attrs...)}
}

func inferCast(c *graph.Infer) error {
	to := tensor.DType(c.Node.Int("to"))
	if n := c.Node.Int("to"); n <= 0 || n > 63 || !to.Valid() {
		return graph.Typef("attribute to is %d, which is no type", n)
	}
	switch c.Node.Str("round_mode") {
	case "", "up", "down", "nearest":
	default:
		return graph.Invalidf("round_mode %q is none of up, down, nearest", c.Node.Str("round_mode"))
	}
	t := c.Type(0)
	from := t.DType
	if from.IsContainer() || from.IsComplex() || to.IsComplex() {
		return graph.Typef("cast of %s to %s", from.Short(), to.Short())
	}
	t.DType = to
	c.Set(0, t)
	v, ok := vector(c, 0)
	if !ok {
		return nil
	}
	out := make([]graph.Dim, len(v))
	for i, d := range v {
		if out[i] = d; !holds(to, d) {
			out[i] = graph.Unknown()
		}
	}
	setVector(c, t.Rank(), to, out)
	return nil
}

// castBlock is how many elements are converted at a time.
const castBlock = 2048

func runCast(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	from, to := x.DType(), y.DType()
	if from == to {
		copy(y.Bytes(), x.Bytes())
		copy(y.Strings(), x.Strings())
		return nil
	}
	switch {
	case from == tensor.Float32 && to.IsHalf():
		graph.Parallel(c, x.Len(), 1<<14, narrowArgs{tensor.Data[uint16](y), tensor.Data[float32](x), to == tensor.BFloat16})
		return nil
	case from.IsHalf() && to == tensor.Float32:
		graph.Parallel(c, x.Len(), 1<<14, widenArgs{tensor.Data[float32](y), tensor.Data[uint16](x), from == tensor.BFloat16})
		return nil
	}
	switch [2]tensor.DType{from, to} {
	case [2]tensor.DType{tensor.Int32, tensor.Float32}:
		castBulk(c, y, x, kernel.Float32s[int32])
		return nil
	case [2]tensor.DType{tensor.Int64, tensor.Float32}:
		castBulk(c, y, x, kernel.Float32s[int64])
		return nil
	case [2]tensor.DType{tensor.Float32, tensor.Int32}:
		castBulk(c, y, x, kernel.Whole[int32])
		return nil
	case [2]tensor.DType{tensor.Float32, tensor.Int64}:
		castBulk(c, y, x, kernel.Whole[int64])
		return nil
	}
	if to.Packed() {
		clear(y.Bytes())
	}
	if from == tensor.String || to == tensor.String {
		return castStrings(c, x, y)
	}
	scratch, err := graph.Scratch[int64](c, castBlock*c.Exec().Workers())
	if err != nil {
		return err
	}
	floats, err := graph.Scratch[float64](c, castBlock*c.Exec().Workers())
	if err != nil {
		return err
	}
	args := castArgs{x: x, y: y, ints: scratch, floats: floats, saturate: c.Node.Bool("saturate") || !c.Node.Op.Has("saturate"), mode: c.Node.Str("round_mode")}
	graph.Parallel(c, (x.Len()+castBlock-1)/castBlock, 8, args)
	return nil
}

type bulkArgs[D, S tensor.Elem] struct {
	y []D
	x []S
	f func(y []D, x []S)
}

func (a *bulkArgs[D, S]) Do(_, lo, hi int) { a.f(a.y[lo:hi], a.x[lo:hi]) }

// castBulk converts between types that have a loop of their own.
func castBulk[D, S tensor.Elem](c *graph.Ctx, y, x *tensor.Tensor, f func(y []D, x []S)) {
	graph.Parallel(c, x.Len(), 1<<14, bulkArgs[D, S]{tensor.Data[D](y), tensor.Data[S](x), f})
}

type narrowArgs struct {
	y []uint16
	x []float32
	b bool
}

func (a *narrowArgs) Do(_, lo, hi int) { kernel.Narrow(a.y[lo:hi], a.x[lo:hi], a.b) }

type widenArgs struct {
	y []float32
	x []uint16
	b bool
}

func (a *widenArgs) Do(_, lo, hi int) { kernel.Widen(a.y[lo:hi], a.x[lo:hi], a.b) }

type castArgs struct {
	x, y     *tensor.Tensor
	ints     []int64
	floats   []float64
	saturate bool
	mode     string
}

// Do converts blocks, which are even in length, so that no two share a byte of a packed type.
func (a *castArgs) Do(worker, lo, hi int) {
	ints, floats := a.ints[worker*castBlock:][:castBlock], a.floats[worker*castBlock:][:castBlock]
	for b := lo; b < hi; b++ {
		from := b * castBlock
		n := min(castBlock, a.x.Len()-from)
		if d := a.x.DType(); d.IsInt() && d.Bits() >= 8 || d == tensor.Bool {
			readInts(ints[:n], a.x, from)
			a.writeInts(ints[:n], from, d == tensor.Uint64)
			continue
		}
		readFloats(floats[:n], a.x, from)
		a.writeFloats(floats[:n], from)
	}
}

func readInts(dst []int64, x *tensor.Tensor, from int) {
	n := len(dst)
	switch x.DType() {
	case tensor.Int8:
		kernel.Ints(dst, tensor.Data[int8](x)[from:from+n])
	case tensor.Int16:
		kernel.Ints(dst, tensor.Data[int16](x)[from:from+n])
	case tensor.Int32:
		kernel.Ints(dst, tensor.Data[int32](x)[from:from+n])
	case tensor.Int64:
		copy(dst, tensor.Data[int64](x)[from:from+n])
	case tensor.Uint16:
		kernel.Ints(dst, tensor.Data[uint16](x)[from:from+n])
	case tensor.Uint32:
		kernel.Ints(dst, tensor.Data[uint32](x)[from:from+n])
	case tensor.Uint64:
		kernel.Ints(dst, tensor.Data[uint64](x)[from:from+n])
	case tensor.Bool:
		for i, v := range tensor.Data[bool](x)[from : from+n] {
			dst[i] = 0
			if v {
				dst[i] = 1
			}
		}
	default:
		kernel.Ints(dst, tensor.Data[uint8](x)[from:from+n])
	}
}

func readFloats(dst []float64, x *tensor.Tensor, from int) {
	switch x.DType() {
	case tensor.Float32:
		kernel.Floats(dst, tensor.Data[float32](x)[from:from+len(dst)])
	case tensor.Float64:
		copy(dst, tensor.Data[float64](x)[from:from+len(dst)])
	default:
		for i := range dst {
			dst[i] = x.Float(from + i)
		}
	}
}

func (a *castArgs) writeInts(v []int64, from int, unsigned bool) {
	n := len(v)
	switch d := a.y.DType(); d {
	case tensor.Float32:
		kernel.IntsToFloats(tensor.Data[float32](a.y)[from:from+n], v, unsigned)
	case tensor.Float64:
		kernel.IntsToFloats(tensor.Data[float64](a.y)[from:from+n], v, unsigned)
	case tensor.Int8, tensor.Uint8:
		kernel.IntsTo(tensor.Data[uint8](a.y)[from:from+n], v)
	case tensor.Int16, tensor.Uint16:
		kernel.IntsTo(tensor.Data[uint16](a.y)[from:from+n], v)
	case tensor.Int32, tensor.Uint32:
		kernel.IntsTo(tensor.Data[uint32](a.y)[from:from+n], v)
	case tensor.Int64, tensor.Uint64:
		kernel.IntsTo(tensor.Data[uint64](a.y)[from:from+n], v)
	case tensor.Bool:
		y := tensor.Data[bool](a.y)[from:]
		for i, x := range v {
			y[i] = x != 0
		}
	case tensor.Int4, tensor.Uint4, tensor.Int2, tensor.Uint2:
		for i, x := range v {
			tensor.PackBits(d, a.y.Bytes(), from+i, []uint8{uint8(x)})
		}
	default:
		for i, x := range v {
			f := float64(x)
			if unsigned {
				f = float64(uint64(x))
			}
			a.put(from+i, f)
		}
	}
}

func (a *castArgs) writeFloats(v []float64, from int) {
	n := len(v)
	switch a.y.DType() {
	case tensor.Float32:
		y := tensor.Data[float32](a.y)[from:]
		for i, x := range v {
			y[i] = float32(x)
		}
	case tensor.Float64:
		copy(tensor.Data[float64](a.y)[from:from+n], v)
	case tensor.Int8, tensor.Uint8:
		kernel.FloatsToInts32(tensor.Data[uint8](a.y)[from:from+n], v)
	case tensor.Int16, tensor.Uint16:
		kernel.FloatsToInts32(tensor.Data[uint16](a.y)[from:from+n], v)
	case tensor.Int32:
		kernel.FloatsToInts32(tensor.Data[int32](a.y)[from:from+n], v)
	case tensor.Uint32:
		kernel.FloatsToInts(tensor.Data[uint32](a.y)[from:from+n], v)
	case tensor.Int64:
		kernel.FloatsToInts(tensor.Data[int64](a.y)[from:from+n], v)
	case tensor.Uint64:
		kernel.FloatsToInts(tensor.Data[uint64](a.y)[from:from+n], v)
	case tensor.Bool:
		y := tensor.Data[bool](a.y)[from:]
		for i, x := range v {
			y[i] = x != 0
		}
	default:
		for i, x := range v {
			a.put(from+i, x)
		}
	}
}

// put writes one element of half precision or of at most 8 bits.
func (a *castArgs) put(i int, v float64) {
	d := a.y.DType()
	switch {
	case d.IsHalf():
		kernel.Narrow(tensor.Data[uint16](a.y)[i:i+1], []float32{kernel.ToOdd(v)}, d == tensor.BFloat16)
	case d == tensor.Float8E8M0:
		a.y.Bytes()[i] = tensor.EncodeE8M0(v, a.mode, a.saturate)
	case d.Packed():
		tensor.PackBits(d, a.y.Bytes(), i, []uint8{tensor.SmallEncode(d, v, a.saturate)})
	default:
		a.y.Bytes()[i] = tensor.SmallEncode(d, v, a.saturate)
	}
}
