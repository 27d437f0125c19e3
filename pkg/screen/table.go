package screen

import "strings"

// Table is rows of cells under a header. Every column but the last is as wide as its widest cell, because names and
// ids stand there; the last has what is left, and its cells are broken at blanks. A column of empty cells is left out.
type Table struct {
	Header []string
	Rows   [][]string // as many cells each as Header
	Indent int        // blanks before each line
}

const (
	gap      = 2  // blanks between columns
	leastEnd = 22 // columns that the last one has at least, unless its cells are shorter; else the table is stacked
)

// Table returns a table as text without a line break at its end; "" where it has no rows.
func (s Screen) Table(t Table) string {
	if len(t.Rows) == 0 {
		return ""
	}
	rows := s.dropEmptyColumns(t)
	widths := measureColumns(rows)
	end := len(widths) - 1
	taken := t.Indent
	for _, w := range widths[:end] {
		taken += w + gap
	}
	if taken+min(widths[end], leastEnd) > s.Columns() {
		return s.stackRows(rows[1:], t.Indent)
	}
	var lines []string
	for _, row := range rows {
		lead := strings.Repeat(" ", t.Indent)
		for i, cell := range row[:end] {
			lead += cell + strings.Repeat(" ", widths[i]-measureWidth(cell)+gap)
		}
		cells := s.breakLines(row[end], s.Columns()-taken, s.Columns()-taken)
		lines = append(lines, lead+cells[0])
		for _, cell := range cells[1:] {
			lines = append(lines, strings.Repeat(" ", taken)+cell)
		}
	}
	return joinLines(lines)
}

// stackRows returns the rows of a table that is too wide: of each, the cells beside each other as far as they fit, and
// the last one under them.
func (s Screen) stackRows(rows [][]string, indent int) string {
	var lines []string
	for _, row := range rows {
		end := len(row) - 1
		line := strings.Repeat(" ", indent) + row[0]
		for _, cell := range row[1:end] {
			switch {
			case cell == "":
			case measureWidth(line)+gap+measureWidth(cell) > s.Columns():
				lines = append(lines, line)
				line = strings.Repeat(" ", indent+2*gap) + cell
			default:
				line += strings.Repeat(" ", gap) + cell
			}
		}
		lines = append(lines, line)
		if end > 0 && row[end] != "" {
			lines = append(lines, s.Fill(strings.Repeat(" ", indent+2*gap), row[end]))
		}
	}
	return joinLines(lines)
}

// dropEmptyColumns returns the header and the rows without the columns that no row fills, in the screen's characters.
func (s Screen) dropEmptyColumns(t Table) [][]string {
	rows := make([][]string, len(t.Rows)+1)
	for column, title := range t.Header {
		filled := column == 0
		for _, row := range t.Rows {
			filled = filled || row[column] != ""
		}
		if !filled {
			continue
		}
		rows[0] = append(rows[0], s.Text(title))
		for i, row := range t.Rows {
			rows[i+1] = append(rows[i+1], s.Text(row[column]))
		}
	}
	return rows
}

// measureColumns returns the width of each column.
func measureColumns(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			for line := range strings.SplitSeq(cell, "\n") {
				widths[i] = max(widths[i], measureWidth(line))
			}
		}
	}
	return widths
}
