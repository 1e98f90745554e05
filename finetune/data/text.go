package data

import "github.com/onnxrun/onnxrun/graph/tensor"

// defaultLength is how many tokens of a text count where nothing is said: what BERT models take at most.
const defaultLength = 512

// tokenFields are the arrays of n texts; the third, of token types, stays zero.
func tokenFields(n, length int) ([]Array, error) {
	var list []Array
	for _, name := range []string{"input_ids", "attention_mask", "token_type_ids"} {
		t, err := tensor.New(tensor.Int64, n, length)
		if err != nil {
			return nil, err
		}
		list = append(list, Array{name, t})
	}
	return list, nil
}

// fill writes the tokens of a row's text.
func (c TextColumn) fill(fields []Array, row, length int, text string) {
	ids := tensor.Data[int64](fields[0].Tensor)[row*length : (row+1)*length]
	mask := tensor.Data[int64](fields[1].Tensor)[row*length : (row+1)*length]
	n := copy(ids, c.Tokenizer.Tokens(text, length))
	for i := range ids {
		if i < n {
			mask[i] = 1
		} else {
			ids[i] = c.Tokenizer.pad
		}
	}
}
