package data

import (
	"bufio"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// WordPiece turns text into the numbers of tokens as uncased BERT models want them (https://arxiv.org/abs/1810.04805): lower case without accents, punctuation apart,
// words cut into the longest pieces of a vocabulary. What looks like a special token in a text, such as "[SEP]", is text.
type WordPiece struct {
	ids                map[string]int64
	pad, unk, cls, sep int64
	Cased              bool // keep case and accents, as cased BERT models want
}

// Bounds of a vocabulary and of a word that is cut into pieces; longer ones are unknown, as in BERT.
const (
	maxVocabulary = 1 << 24 // bytes of a line, and lines
	maxWord       = 100
)

// ReadVocabulary reads vocab.txt, which has a token on each line; the first is number 0. It must have [PAD], [UNK], [CLS] and [SEP].
func ReadVocabulary(path string) (*WordPiece, error) {
	file, c, _, err := open(path, math.MaxInt)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	w := &WordPiece{ids: map[string]int64{}}
	s := bufio.NewScanner(file)
	for n := int64(0); s.Scan(); n++ {
		if n == maxVocabulary {
			return nil, fmt.Errorf("%s: %w: more than %d tokens", path, ErrLimit, n)
		}
		w.ids[strings.TrimRight(s.Text(), "\r")] = n
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name, id := range map[string]*int64{"[PAD]": &w.pad, "[UNK]": &w.unk, "[CLS]": &w.cls, "[SEP]": &w.sep} {
		var ok bool
		if *id, ok = w.ids[name]; !ok {
			return nil, fmt.Errorf("%s: no token %s in the vocabulary of %d", path, name, len(w.ids))
		}
	}
	return w, nil
}

// Tokens are the numbers of the text's tokens between [CLS] and [SEP], at most most of them in all; 0 is no bound.
func (w *WordPiece) Tokens(text string, most int) []int64 {
	if most <= 0 {
		most = math.MaxInt
	}
	ids := []int64{w.cls}
	for _, word := range w.words(text) {
		if len(ids) >= most {
			break
		}
		ids = w.pieces(ids, word)
	}
	return append(ids[:max(min(len(ids), most-1), 0)], w.sep)
}

// words are the text's words and marks of punctuation.
func (w *WordPiece) words(text string) []string {
	var words []string
	var word []byte
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
			word = word[:0]
		}
	}
	if !w.Cased {
		text = norm.NFD.String(text)
	}
	for _, r := range text {
		switch {
		case r == 0 || r == utf8.RuneError:
		case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r) && !unicode.IsControl(r):
			end()
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co): // control characters and such
		case !w.Cased && unicode.Is(unicode.Mn, r): // an accent
		case unicode.Is(unicode.P, r) || r < utf8.RuneSelf && unicode.IsSymbol(r) || chinese(r):
			end()
			words = append(words, string(r))
		case w.Cased:
			word = utf8.AppendRune(word, r)
		default:
			word = utf8.AppendRune(word, unicode.ToLower(r))
		}
	}
	end()
	return words
}

// chinese characters are words of their own.
func chinese(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3400 && r <= 0x4dbf || r >= 0x20000 && r <= 0x2a6df || r >= 0x2a700 && r <= 0x2b73f ||
		r >= 0x2b740 && r <= 0x2b81f || r >= 0x2b920 && r <= 0x2ceaf || r >= 0xf900 && r <= 0xfaff || r >= 0x2f800 && r <= 0x2fa1f
}

// pieces appends the longest pieces of a word, from its beginning, or [UNK] when there are none.
func (w *WordPiece) pieces(ids []int64, word string) []int64 {
	if utf8.RuneCountInString(word) > maxWord {
		return append(ids, w.unk)
	}
	before := len(ids)
	prefix := ""
	for word != "" {
		end := len(word)
		id, ok := w.ids[prefix+word]
		for !ok && end > 0 {
			_, size := utf8.DecodeLastRuneInString(word[:end])
			end -= size
			id, ok = w.ids[prefix+word[:end]]
			ok = ok && end > 0
		}
		if !ok {
			return append(ids[:before], w.unk)
		}
		ids = append(ids, id)
		word, prefix = word[end:], "##"
	}
	return ids
}
