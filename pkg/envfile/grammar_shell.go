package envfile

import "strings"

// readShell reads one word: texts in quotes and without, side by side.
func readShell(text string) (token, error) {
	var out strings.Builder
	dynamic, i := false, 0
	for i < len(text) && !strings.ContainsRune(" \t\n;&|<>()", rune(text[i])) {
		piece, n, expands, err := readShellPiece(text[i:])
		if err != nil {
			return token{}, err
		}
		out.WriteString(piece)
		dynamic = dynamic || expands
		i += n
	}
	if !afterValue.MatchString(text[i:]) || strings.HasPrefix(text[i:], "#") {
		return token{}, errAfterWord
	}
	if dynamic {
		return token{text[:i], i, true}, nil
	}
	return token{out.String(), i, false}, nil
}

// readShellPiece reads what is in one pair of quotes, or one character outside of them. Its length is n.
func readShellPiece(text string) (value string, n int, dynamic bool, err error) {
	switch text[0] {
	case '\'':
		end := strings.IndexByte(text[1:], '\'')
		if end < 0 {
			return "", 0, false, errUnclosed
		}
		return text[1 : end+1], end + 2, false, nil
	case '"':
		return readShellDouble(text)
	case '\\':
		if len(text) == 1 || text[1] == '\n' {
			return "", min(2, len(text)), false, nil
		}
		return text[1:2], 2, false, nil
	case '`':
		return "", 0, false, errCommand
	case '$':
		if len(text) > 1 && strings.ContainsRune("('{\"", rune(text[1])) {
			return "", 0, false, errCommand
		}
		return "$", 1, true, nil
	case '~': // at the beginning, and after a colon
		return "~", 1, true, nil
	}
	return text[:1], 1, false, nil
}

// readShellDouble reads a text in double quotes.
func readShellDouble(text string) (value string, n int, dynamic bool, err error) {
	end := findClosing(text, isEscapedOnce)
	if end < 0 {
		return "", 0, false, errUnclosed
	}
	var out strings.Builder
	raw := text[1:end]
	for i := 0; i < len(raw); i++ {
		switch {
		case raw[i] == '`', raw[i] == '$' && i+1 < len(raw) && raw[i+1] == '(':
			return "", 0, false, errCommand
		case raw[i] == '$':
			dynamic = true
		case raw[i] == '\\' && i+1 < len(raw) && raw[i+1] == '\n':
			i++
			continue
		case raw[i] == '\\' && i+1 < len(raw) && strings.ContainsRune("$`\"\\", rune(raw[i+1])):
			i++
		}
		out.WriteByte(raw[i])
	}
	return out.String(), end + 1, dynamic, nil
}
