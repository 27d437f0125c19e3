package leak

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
	sextets = digits{width: 6, phases: 4, values: table("\r\n",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")}
	nibbles = digits{width: 4, phases: 2, values: table(" \t\r\n,:-", "0123456789abcdef", "0123456789ABCDEF")}
)

func table(separators string, alphabets ...string) (values [256]byte) {
	for i := range values {
		values[i] = other
	}
	for _, c := range []byte(separators) {
		values[c] = between
	}
	for _, alphabet := range alphabets {
		for i, c := range []byte(alphabet) {
			values[c] = byte(i) //nolint:gosec // G115: an alphabet has at most 64 letters
		}
	}
	return values
}

// run is digits in a row.
type run struct {
	digits []byte
	groups []mark // where they stand; digits are apart where something stands between them
	apart  bool
}

func (r *run) add(v byte, at int) {
	if len(r.digits) == 0 || r.apart {
		r.groups = append(r.groups, mark{len(r.digits), at})
	}
	r.digits, r.apart = append(r.digits, v), false
}

func (r *run) reset() { *r = run{digits: r.digits[:0], groups: r.groups[:0]} }

// decode decodes every run of digits.
func (e *digits) decode(text []byte, least int) decoded {
	var d decoded
	var r run
	enough := (8*least + e.width - 1) / e.width
	for i, c := range text {
		switch v := e.values[c]; v {
		case other:
			if len(r.digits) >= enough {
				e.unpack(&d, &r)
			}
			r.reset()
		case between:
			r.apart = true
		default:
			r.add(v, i)
		}
	}
	if len(r.digits) >= enough {
		e.unpack(&d, &r)
	}
	return d
}

// unpack decodes a run as if a byte began at its first, second, ... digit: what stands before the encoded text may look
// like a part of it.
func (e *digits) unpack(d *decoded, r *run) {
	for phase := range e.phases {
		bits, length := uint32(0), 0
		for i, g := range r.groups {
			end := len(r.digits)
			if i+1 < len(r.groups) {
				end = r.groups[i+1].out
			}
			d.mark(g.in)
			for _, v := range r.digits[min(max(g.out, phase), end):end] {
				bits, length = bits<<e.width|uint32(v), length+e.width
				if length >= 8 {
					length -= 8
					d.text = append(d.text, byte(bits>>length))
				}
			}
		}
		d.end()
	}
}
