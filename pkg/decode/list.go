package decode

// list is a list of the numbers of bytes, decimal or with 0x, while it is read.
type list struct {
	decoded
	least  int    // numbers that are worth decoding
	bytes  []byte // so far
	places []int  // where their numbers stand

	begun bool // a number
	place int
	base  int
	v     int
}

// decodeNumbers decodes every list of the numbers of bytes.
func decodeNumbers(text []byte, least int) decoded {
	l := list{least: least}
	eachRun(text, listed, 2*least-1, func(from, to int) { l.readRun(text, from, to) })
	return l.decoded
}

// listed are the characters of lists.
var listed = newTable(" \t\r\n,xX", "0123456789abcdef", "0123456789ABCDEF")

func (l *list) readRun(text []byte, from, to int) {
	for i, c := range text[from:to] {
		i += from
		switch v := int(listed[c]); {
		case l.begun && v < l.base:
			l.v = min(l.base*l.v+v, 256)
		case !l.begun && v < 10:
			l.begun, l.place, l.base, l.v = true, i, 10, v
		case l.begun && l.v == 0 && l.place == i-1 && (c == 'x' || c == 'X'):
			l.base = 16
		default:
			l.endNumber()
			if v != between {
				l.endPart() // hex without 0x
			}
		}
	}
	l.endNumber()
	l.endPart()
}

// endNumber ends a number, and the list if it is not that of a byte.
func (l *list) endNumber() {
	switch {
	case l.begun && l.v < 256:
		l.bytes, l.places = append(l.bytes, byte(l.v&0xff)), append(l.places, l.place)
	case l.begun:
		l.endPart()
	}
	l.begun = false
}

// endPart ends a list.
func (l *list) endPart() {
	if len(l.bytes) >= l.least {
		for i, b := range l.bytes {
			l.addMark(l.places[i])
			l.text = append(l.text, b)
		}
		l.decoded.endPart()
	}
	l.bytes, l.places = l.bytes[:0], l.places[:0]
}
