package decode

// digits is an encoding by digits of some bits each.
type digits struct {
	width  int // bits in a digit
	phases int // digits at which a byte can begin
	values [256]byte
}

// What a character means that is no digit.
const (
	other   = 0xff // it ends a run
	between = 0xfe // it may stand between digits
)

var (
	sextets = digits{width: 6, phases: 4, values: newTable("\r\n",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")}
	nibbles = digits{width: 4, phases: 2, values: newTable(" \t\r\n,:-", "0123456789abcdef", "0123456789ABCDEF")}
)

func newTable(separators string, alphabets ...string) (values [256]byte) {
	for i := range values {
		values[i] = other
	}
	for _, c := range []byte(separators) {
		values[c] = between
	}
	for _, alphabet := range alphabets {
		for i, c := range []byte(alphabet) {
			values[c] = byte(i)
		}
	}
	return values
}

// eachRun calls do with every longest part of a text that has at least so many characters, all of them with a meaning.
func eachRun(text []byte, values [256]byte, least int, do func(from, to int)) {
	for from := 0; from+least <= len(text); {
		last := from + least - 1
		for last >= from && values[text[last]] != other {
			last--
		}
		if last >= from {
			from = last + 1 // a run can only begin after it
			continue
		}
		to := from + least
		for to < len(text) && values[text[to]] != other {
			to++
		}
		do(from, to)
		from = to + 1
	}
}

// run is digits in a row.
type run struct {
	digits []byte
	groups []mark // where they stand: a group has nothing between its digits
}

func (e *digits) readRun(r run, text []byte, from, to int) run {
	r = run{r.digits[:0], r.groups[:0]}
	for apart := true; from < to; from++ {
		v := e.values[text[from]]
		if v == between {
			apart = true
			continue
		}
		if apart {
			r.groups = append(r.groups, mark{len(r.digits), from})
		}
		r.digits, apart = append(r.digits, v), false
	}
	return r
}

// decodeDigits decodes every run of digits.
func (e *digits) decodeDigits(text []byte, least int) decoded {
	var d decoded
	var r run
	enough := (8*least + e.width - 1) / e.width
	eachRun(text, e.values, enough, func(from, to int) {
		if r = e.readRun(r, text, from, to); len(r.digits) >= enough {
			e.unpackRun(&d, r)
		}
	})
	return d
}

// unpackRun decodes a run as if a byte began at its first, second, ... digit: what stands before the encoded text may
// look like a part of it.
func (e *digits) unpackRun(d *decoded, r run) {
	for phase := range e.phases {
		bits, length := uint32(0), 0
		for i, g := range r.groups {
			end := len(r.digits)
			if i+1 < len(r.groups) {
				end = r.groups[i+1].out
			}
			d.addMark(g.in)
			for _, v := range r.digits[min(max(g.out, phase), end):end] {
				bits, length = bits<<e.width|uint32(v), length+e.width
				if length >= 8 {
					length -= 8
					d.text = append(d.text, byte(bits>>length&0xff))
				}
			}
		}
		d.endPart()
	}
}
