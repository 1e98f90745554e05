package tensor

import "fmt"

// DType is an element type. The numbers are those of TensorProto.DataType in the ONNX standard,
// so that importing and exporting is a conversion of integers. Sequence, Optional and Map are not
// element types of ONNX: they mark the tensors that stand for containers (see [Tensor.Elems]).
type DType uint8

// Element types.
const (
	Invalid        DType = 0
	Float32        DType = 1
	Uint8          DType = 2
	Int8           DType = 3
	Uint16         DType = 4
	Int16          DType = 5
	Int32          DType = 6
	Int64          DType = 7
	String         DType = 8
	Bool           DType = 9
	Float16        DType = 10
	Float64        DType = 11
	Uint32         DType = 12
	Uint64         DType = 13
	Complex64      DType = 14
	Complex128     DType = 15
	BFloat16       DType = 16
	Float8E4M3FN   DType = 17
	Float8E4M3FNUZ DType = 18
	Float8E5M2     DType = 19
	Float8E5M2FNUZ DType = 20
	Uint4          DType = 21
	Int4           DType = 22
	Float4E2M1     DType = 23
	Float8E8M0     DType = 24
	Uint2          DType = 25
	Int2           DType = 26
	Float6E2M3     DType = 27
	Float6E3M2     DType = 28

	Sequence DType = 64
	Optional DType = 65
	Map      DType = 66
)

type dtypeInfo struct {
	name, short string
	bits        uint8
	class       class
}

type class uint8

const (
	classFloat class = 1 << iota
	classSigned
	classUnsigned
	classComplex
	classOther
)

var dtypes = [128]dtypeInfo{
	Float32:        {"float32", "f32", 32, classFloat},
	Uint8:          {"uint8", "u8", 8, classUnsigned},
	Int8:           {"int8", "i8", 8, classSigned},
	Uint16:         {"uint16", "u16", 16, classUnsigned},
	Int16:          {"int16", "i16", 16, classSigned},
	Int32:          {"int32", "i32", 32, classSigned},
	Int64:          {"int64", "i64", 64, classSigned},
	String:         {"string", "str", 0, classOther},
	Bool:           {"bool", "bool", 8, classOther},
	Float16:        {"float16", "f16", 16, classFloat},
	Float64:        {"float64", "f64", 64, classFloat},
	Uint32:         {"uint32", "u32", 32, classUnsigned},
	Uint64:         {"uint64", "u64", 64, classUnsigned},
	Complex64:      {"complex64", "c64", 64, classComplex},
	Complex128:     {"complex128", "c128", 128, classComplex},
	BFloat16:       {"bfloat16", "bf16", 16, classFloat},
	Float8E4M3FN:   {"float8e4m3fn", "f8e4m3fn", 8, classFloat},
	Float8E4M3FNUZ: {"float8e4m3fnuz", "f8e4m3fnuz", 8, classFloat},
	Float8E5M2:     {"float8e5m2", "f8e5m2", 8, classFloat},
	Float8E5M2FNUZ: {"float8e5m2fnuz", "f8e5m2fnuz", 8, classFloat},
	Uint4:          {"uint4", "u4", 4, classUnsigned},
	Int4:           {"int4", "i4", 4, classSigned},
	Float4E2M1:     {"float4e2m1", "f4e2m1", 4, classFloat},
	Float8E8M0:     {"float8e8m0", "f8e8m0", 8, classFloat},
	Uint2:          {"uint2", "u2", 2, classUnsigned},
	Int2:           {"int2", "i2", 2, classSigned},
	Float6E2M3:     {"float6e2m3", "f6e2m3", 8, classFloat},
	Float6E3M2:     {"float6e3m2", "f6e3m2", 8, classFloat},
	Sequence:       {"sequence", "seq", 0, classOther},
	Optional:       {"optional", "opt", 0, classOther},
	Map:            {"map", "map", 0, classOther},
}

// Valid reports whether d is an element type or a container that this package knows.
func (d DType) Valid() bool { return int(d) < len(dtypes) && dtypes[d].name != "" }

// String is the name of the type as numpy and the ONNX standard write it: "float32", "bfloat16", "uint4".
func (d DType) String() string {
	if !d.Valid() {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypes[d].name
}

// Short is the name of the type in printed graphs and operator signatures: "f32", "bf16", "u4".
func (d DType) Short() string {
	if !d.Valid() {
		return d.String()
	}
	return dtypes[d].short
}

// ParseDType is the inverse of String and Short.
func ParseDType(s string) (DType, bool) {
	for d, info := range dtypes {
		if info.name != "" && (info.name == s || info.short == s) {
			return DType(d), true
		}
	}
	return Invalid, false
}

// Bits is the size of an element in bits as it is stored: 2 or 4 for packed types, 0 for strings and containers,
// whose elements are Go values.
func (d DType) Bits() int { return int(dtypes[d&127].bits) }

// Size is the size of an element in bytes, 0 for packed types, strings and containers.
func (d DType) Size() int { return d.Bits() / 8 }

// Packed reports whether several elements share a byte (int4, uint4, float4e2m1, int2, uint2; lowest bits first).
func (d DType) Packed() bool { return d.Bits() == 4 || d.Bits() == 2 }

// IsFloat reports whether d is a floating-point type of any width.
func (d DType) IsFloat() bool { return dtypes[d&127].class == classFloat }

// IsHalf reports whether d is float16 or bfloat16, which kernels compute in float32.
func (d DType) IsHalf() bool { return d == Float16 || d == BFloat16 }

// IsSigned reports whether d is a signed integer type.
func (d DType) IsSigned() bool { return dtypes[d&127].class == classSigned }

// IsUnsigned reports whether d is an unsigned integer type.
func (d DType) IsUnsigned() bool { return dtypes[d&127].class == classUnsigned }

// IsInt reports whether d is an integer type, signed or not; bool is none.
func (d DType) IsInt() bool { return d.IsSigned() || d.IsUnsigned() }

// IsComplex reports whether d is complex64 or complex128.
func (d DType) IsComplex() bool { return dtypes[d&127].class == classComplex }

// IsContainer reports whether d is Sequence, Optional or Map.
func (d DType) IsContainer() bool { return d == Sequence || d == Optional || d == Map }

// Bytes is the size in bytes of n elements as they are stored, packed types rounded up to a whole byte.
// It reports false when the size does not fit an int or n is negative.
func (d DType) Bytes(n int) (int, bool) {
	const most = int(^uint(0) >> 1)
	switch bits := d.Bits(); {
	case n < 0:
		return 0, false
	case bits == 0:
		return 0, true
	case bits < 8:
		per := 8 / bits
		return n/per + (n%per+per-1)/per, true
	case n > most/(bits/8):
		return 0, false
	default:
		return n * (bits / 8), true
	}
}
