package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Kind is what the cells of a column are.
type Kind string

// Kinds of columns. Auto is Float when all cells are numbers (Int for a target of whole numbers), else OneHot, or Index for a target.
const (
	Auto   Kind = ""
	Float  Kind = "float"
	Int    Kind = "int"
	OneHot Kind = "onehot" // 0 or 1 for each category
	Index  Kind = "index"  // number of the category
	Skip   Kind = "skip"
)

// Missing is what becomes of cells without a value.
type Missing string

// What is done about missing cells. In a OneHot column they are zero everywhere, unless they are refused.
const (
	Refuse    Missing = ""
	Mean      Missing = "mean"      // of the column
	Constant  Missing = "constant"  // Column.Fill
	Indicator Missing = "indicator" // Column.Fill, and one column more which is 1 where the cell is missing
)

// Column says what a column is. What Auto and Mean leave open is filled in by the file, see [Table.Columns].
type Column struct {
	Kind       Kind     `json:"kind,omitempty" yaml:"kind,omitempty"`
	Missing    Missing  `json:"missing,omitempty" yaml:"missing,omitempty"`
	Fill       float64  `json:"fill,omitempty" yaml:"fill,omitempty"`
	Categories []string `json:"categories,omitempty" yaml:"categories,omitempty"` // of OneHot and Index, in the order of their numbers; none: those of the file, sorted
}

// CSVOptions say how a table becomes samples.
type CSVOptions struct {
	Comma         rune              // 0 is a comma
	NoHeader      bool              // columns are then called "0", "1" …
	Targets       []string          // columns of field "y"; all others are of field "x"
	Columns       map[string]Column // those that are not inferred
	Missing       Missing           // of columns that are not in Columns
	MissingCells  []string          // cells without a value; nil means empty ones, NA, N/A, NaN, nan, null, NULL and ?
	MaxCategories int               // of an inferred column; 0 is 64. Text with more of them is refused
	Text          TextColumn        // columns that neither Text, Targets nor Columns name are skipped when there is one
	Limit         int               // bytes of the samples; 0 is DefaultLimit
}

// Table is a data set of a CSV file.
type Table struct {
	Dataset
	Names   []string          // of the numbers of a sample of "x"
	Columns map[string]Column // as they were read; handing them to [CSV] with another file gives the same numbers for the same cells
	Length  int               // of the texts, in tokens
}

// TextColumn is a column of texts, which become the fields "input_ids", "attention_mask" and "token_type_ids", int64[Length], as transformers have them: tokens, 1 for
// each of them and 0 where they have ended, and zeros.
type TextColumn struct {
	Name      string
	Tokenizer *WordPiece
	Length    int // what is longer is cut; 0 is the length of the longest text, at most 512
}

// Bounds of what a file may ask for before it is known to have that much.
const (
	maxColumns = 1 << 16
	maxRecord  = 16 << 20 // bytes
)

var missingCells = []string{"", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"}

// CSV reads a table, packed when the name ends in .gz. The file is read twice, first to find out what the columns are, and memory is taken for the numbers of the
// samples alone. Field "x" is float32 with a number for each column, or several for a OneHot one. Field "y" is int64 when all its columns are Int or Index, else float32;
// it has no axis for one column of integers, which is the number of a class.
func CSV(path string, o CSVOptions) (*Table, error) {
	p := &parser{path: path, o: o, text: -1}
	if o.Text.Name != "" && o.Text.Tokenizer == nil {
		return nil, fmt.Errorf("column %q of texts needs a tokenizer", o.Text.Name)
	}
	if p.o.MissingCells == nil {
		p.o.MissingCells = missingCells
	}
	if p.o.MaxCategories <= 0 {
		p.o.MaxCategories = 64
	}
	if err := p.records(p.learn); err != nil {
		return nil, err
	}
	if err := p.decide(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p.fill()
}

type parser struct {
	path    string
	o       CSVOptions
	columns []*column
	text    int // the column of texts, -1 without one
	rows    int
	length  int // of the longest text
	memory  int // bytes of categories
}

// column is what the first reading learns.
type column struct {
	Column
	name     string
	target   bool
	declared bool
	fixed    bool           // categories are given
	seen     map[string]int // categories, later with their numbers
	many     bool           // too many categories to infer
	text     string         // the first cell that is no number, and its line
	line     int
	fraction bool // a number that is not whole
	missing  int  // the line of a missing cell
	sum, n   float64
	width    int // numbers of a sample
}

// limited counts the bytes of a record, which the csv package would read without bound after an opening quote.
type limited struct {
	r io.Reader
	n int
}

var errRecord = fmt.Errorf("a row of more than %d bytes, perhaps after a quote that is not closed: %w", maxRecord, ErrLimit)

func (l *limited) Read(b []byte) (int, error) {
	if l.n > maxRecord {
		return 0, errRecord
	}
	n, err := l.r.Read(b)
	l.n += n
	return n, err
}

// records calls f with each row and its line.
func (p *parser) records(f func(cells []string, line int) error) error {
	file, c, _, err := open(p.path, math.MaxInt)
	if err != nil {
		return err
	}
	defer c.Close()
	l := &limited{r: file}
	r := csv.NewReader(l)
	r.ReuseRecord = true
	if p.o.Comma != 0 {
		r.Comma = p.o.Comma
	}
	for row := 0; ; row++ {
		l.n = 0
		cells, err := r.Read()
		if err == io.EOF && row > 0 {
			return nil
		}
		if err == io.EOF {
			err = errors.New("the table is empty")
		}
		line := 0
		if err == nil {
			line, _ = r.FieldPos(0)
			if row == 0 {
				cells[0] = strings.TrimPrefix(cells[0], "\ufeff")
				err = p.header(cells)
			}
			if err == nil && (row > 0 || p.o.NoHeader) {
				err = f(cells, line)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
	}
}

func (p *parser) header(cells []string) error {
	if p.columns != nil {
		return nil
	}
	if len(cells) > maxColumns {
		return fmt.Errorf("%d columns: %w, at most %d", len(cells), ErrLimit, maxColumns)
	}
	at := map[string]bool{}
	for i, cell := range cells {
		name := strings.Clone(cell)
		if p.o.NoHeader {
			name = strconv.Itoa(i)
		}
		if at[name] {
			return fmt.Errorf("two columns are called %q", name)
		}
		at[name] = true
		c := &column{name: name, target: slices.Contains(p.o.Targets, name), seen: map[string]int{}}
		if c.Column, c.declared = p.o.Columns[name]; !c.declared && !c.target {
			c.Missing = p.o.Missing
			if p.o.Text.Name != "" {
				c.Kind = Skip
			}
		}
		if name == p.o.Text.Name {
			if c.declared || c.target {
				return fmt.Errorf("column %q cannot be text and something else", name)
			}
			p.text = i
		}
		if !slices.Contains([]Kind{Auto, Float, Int, OneHot, Index, Skip}, c.Kind) || !slices.Contains([]Missing{Refuse, Mean, Constant, Indicator}, c.Missing) {
			return fmt.Errorf("column %q: kind %q and missing %q; there are float, int, onehot, index, skip, and mean, constant, indicator", name, c.Kind, c.Missing)
		}
		c.fixed = len(c.Categories) > 0
		p.columns = append(p.columns, c)
	}
	for _, name := range append(slices.Clone(p.o.Targets), p.o.Text.Name) {
		if !at[name] && name != "" {
			return fmt.Errorf("no column is called %q; there are %q", name, p.names())
		}
	}
	for name, c := range p.o.Columns {
		if !at[name] && c.Kind != Skip {
			return fmt.Errorf("no column is called %q; there are %q", name, p.names())
		}
	}
	return nil
}

func (p *parser) names() []string {
	var names []string
	for _, c := range p.columns[:min(len(p.columns), 50)] {
		names = append(names, c.name)
	}
	return names
}

func (p *parser) isMissing(cell string) bool { return slices.Contains(p.o.MissingCells, cell) }

func (p *parser) learn(cells []string, line int) error {
	p.rows++
	if p.text >= 0 && p.o.Text.Length == 0 && p.length < defaultLength {
		p.length = max(p.length, len(p.o.Text.Tokenizer.Tokens(cells[p.text], defaultLength)))
	}
	for i, c := range p.columns {
		cell := strings.TrimSpace(cells[i])
		switch {
		case c.Kind == Skip:
			continue
		case p.isMissing(cell):
			if c.missing == 0 {
				c.missing = line
			}
			continue
		}
		if c.Kind == Auto || c.Kind == Float || c.Kind == Int {
			x, err := strconv.ParseFloat(cell, 64)
			if (err != nil || !(math.Abs(x) <= math.MaxFloat32)) && c.text == "" {
				c.text, c.line = strings.Clone(cell[:min(len(cell), 40)]), line
			}
			c.fraction = c.fraction || x != math.Trunc(x) || math.Abs(x) > 1<<53
			c.n++
			c.sum += x
		}
		if c.Kind == Float || c.Kind == Int || c.fixed || c.many {
			continue
		}
		if _, ok := c.seen[cell]; !ok {
			if c.Kind == Auto && len(c.seen) == p.o.MaxCategories {
				c.many, c.seen = true, nil
				continue
			}
			c.seen[strings.Clone(cell)] = 0
			if p.memory += len(cell) + 64; p.memory > limitOr(p.o.Limit) {
				return fmt.Errorf("line %d: column %q: the categories take too much memory: %w", line, c.name, ErrLimit)
			}
		}
	}
	return nil
}

// decide settles what the first reading left open.
func (p *parser) decide() error {
	if p.rows == 0 {
		return fmt.Errorf("the table has no rows")
	}
	for _, c := range p.columns {
		if c.Kind == Auto {
			switch {
			case c.text == "" && c.n > 0 && c.target && !c.fraction:
				c.Kind = Int
			case c.text == "" && !c.fixed:
				c.Kind = Float
			case c.many:
				return fmt.Errorf("line %d: column %q has text, %q, and more than %d different cells: declare it as onehot, index or skip", c.line, c.name, c.text, p.o.MaxCategories)
			case c.target:
				c.Kind = Index
			default:
				c.Kind = OneHot
			}
		}
		if c.Missing == Indicator && !c.declared && c.missing == 0 {
			c.Missing = Refuse
		}
		number := c.Kind == Float || c.Kind == Int
		switch {
		case c.Kind == Skip:
			continue
		case number && c.text != "":
			return fmt.Errorf("line %d: column %q: %q is no finite number", c.line, c.name, c.text)
		case c.Kind == Int && c.fraction:
			return fmt.Errorf("column %q has numbers that are not whole", c.name)
		case c.missing > 0 && c.Missing == Refuse && c.Kind != OneHot, c.missing > 0 && c.target && c.Missing != Constant:
			return fmt.Errorf("line %d: column %q has no value: choose mean, constant or indicator, or skip the column", c.missing, c.name)
		case c.target && c.Missing == Indicator:
			return fmt.Errorf("column %q is a target, which has no indicator", c.name)
		case c.missing > 0 && c.Kind == Index && c.Missing != Constant && c.Missing != Indicator, c.Kind == Int && c.Missing == Mean:
			return fmt.Errorf("column %q has no mean: choose constant or indicator for its missing cells", c.name)
		}
		if c.Missing == Mean && number {
			if c.Missing, c.Fill = Constant, 0; c.n > 0 {
				c.Fill = c.sum / c.n
			}
		}
		c.width = 1
		if !number {
			if !c.fixed {
				for cell := range c.seen {
					c.Categories = append(c.Categories, cell)
				}
				slices.Sort(c.Categories)
			}
			c.seen = map[string]int{}
			for k, cell := range c.Categories {
				c.seen[cell] = k
			}
			if c.Kind == OneHot {
				c.width = len(c.Categories)
			}
		}
		if c.Missing == Indicator {
			c.width++
		}
	}
	return nil
}

// fill reads the table again, into tensors.
func (p *parser) fill() (*Table, error) {
	t := &Table{Columns: map[string]Column{}}
	if t.Length = p.o.Text.Length; t.Length == 0 {
		t.Length = p.length
	}
	var width [2]int
	whole, count := true, 0
	for i, c := range p.columns {
		if i == p.text {
			continue
		}
		t.Columns[c.name] = c.Column
		switch {
		case c.Kind == Skip:
		case c.target:
			width[1] += c.width
			whole = whole && (c.Kind == Int || c.Kind == Index)
			count++
		default:
			width[0] += c.width
			t.Names = append(t.Names, c.labels()...)
		}
	}
	if limit, n := limitOr(p.o.Limit), width[0]+width[1]+3*t.Length; t.Length > limit || n > limit/8/p.rows {
		return nil, fmt.Errorf("%s: %d rows of %d numbers: %w, the limit is %d bytes", p.path, p.rows, n, ErrLimit, limit)
	}
	var arrays []Array
	x, err := tensor.New(tensor.Float32, p.rows, width[0])
	if err != nil {
		return nil, err
	}
	if width[0] > 0 {
		arrays = append(arrays, Array{"x", x})
	}
	d, shape := tensor.Float32, []int{p.rows, width[1]}
	if whole {
		d = tensor.Int64
	}
	if whole && count == 1 && width[1] == 1 {
		shape = shape[:1]
	}
	y, err := tensor.New(d, shape...)
	if err != nil {
		return nil, err
	}
	if count > 0 {
		arrays = append(arrays, Array{"y", y})
	}
	var texts []Array
	if p.text >= 0 {
		if texts, err = tokenFields(p.rows, t.Length); err != nil {
			return nil, err
		}
		arrays = append(arrays, texts...)
	}
	row, rowX, rowY := 0, make([]float64, width[0]), make([]float64, width[1])
	err = p.records(func(cells []string, line int) error {
		if row == p.rows {
			return fmt.Errorf("line %d: the file has grown while it was read", line)
		}
		clear(rowX)
		clear(rowY)
		inX, inY := rowX, rowY
		for i, c := range p.columns {
			if c.Kind == Skip {
				continue
			}
			in := &inX
			if c.target {
				in = &inY
			}
			if err := p.cell((*in)[:c.width], c, strings.TrimSpace(cells[i])); err != nil {
				return fmt.Errorf("line %d: column %q: %w", line, c.name, err)
			}
			*in = (*in)[c.width:]
		}
		if p.text >= 0 {
			p.o.Text.fill(texts, row, t.Length, cells[p.text])
		}
		for k, v := range rowX {
			tensor.Data[float32](x)[row*len(rowX)+k] = float32(v)
		}
		for k, v := range rowY {
			if whole {
				tensor.Data[int64](y)[row*len(rowY)+k] = int64(v)
			} else {
				tensor.Data[float32](y)[row*len(rowY)+k] = float32(v)
			}
		}
		row++
		return nil
	})
	if err != nil {
		return nil, err
	}
	if row != p.rows {
		return nil, fmt.Errorf("%s: the file has shrunk while it was read", p.path)
	}
	t.Dataset, err = Arrays(arrays...)
	return t, err
}

// labels name the numbers that a column gives.
func (c *column) labels() []string {
	names := []string{c.name}
	if c.Kind == OneHot {
		names = names[:0]
		for _, x := range c.Categories {
			names = append(names, c.name+"="+x)
		}
	}
	if c.Missing == Indicator {
		names = append(names, c.name+" is missing")
	}
	return names
}

func (p *parser) cell(dst []float64, c *column, cell string) error {
	if p.isMissing(cell) {
		if c.Missing == Indicator {
			dst[len(dst)-1] = 1
		}
		if c.Kind != OneHot {
			dst[0] = c.Fill
		}
		return nil
	}
	if c.Kind == Float || c.Kind == Int {
		x, err := strconv.ParseFloat(cell, 64)
		dst[0] = x
		return err
	}
	k, ok := c.seen[cell]
	switch {
	case !ok:
		return fmt.Errorf("%q is none of the %d categories", cell[:min(len(cell), 40)], len(c.Categories))
	case c.Kind == OneHot:
		dst[k] = 1
	default:
		dst[0] = float64(k)
	}
	return nil
}
