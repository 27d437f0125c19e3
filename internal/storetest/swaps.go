package storetest

// fromNeeded is AWS's text where a label is held elsewhere and RemoveFromVersionId is left out.
func fromNeeded(label, holder string) string {
	return "The parameter RemoveFromVersionId can't be empty. Staging label " + label + " is currently attached to version " +
		id(holder) + ", so you must explicitly reference that version in RemoveFromVersionId."
}

const cannotRemove = "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed."

// swapFacts: UpdateSecretVersionStage is a compare-and-swap for every label, and does all or nothing.
func swapFacts() []Fact {
	facts := []Fact{
		{"AWSCURRENT is not taken off", apiMove + "; its text is " + thirdParty, 0, func(p *probe) {
			p.create("one", "two")
			p.refused("take it off", p.move("AWSCURRENT", "", "two"), cannotRemove, badParameter)
			p.holds("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"a label that is nowhere is moved off no version", apiMove, 0, func(p *probe) {
			p.create("one", "two")
			p.refused("move it", p.move("L", "two", "one"), "", badParameter)
			p.refused("take it off", p.move("L", "", "one"), "", badParameter)
			p.holds("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"a label is not taken off a version that does not exist", apiMove, 0, func(p *probe) {
			p.create("one")
			p.moves("L", "one", "")
			p.refused("take it off", p.move("L", "", "nine"), "", badParameter, notFound)
			p.holds("AWSCURRENT:one L:one")
		}},
		{"a move to nowhere and from nowhere is refused", apiMove, 0, func(p *probe) {
			p.create("one")
			p.refused("move it", p.move("L", "", ""), "", badParameter, badRequest, invalid)
			p.holds("AWSCURRENT:one")
		}},
	}
	for _, label := range []string{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "L"} {
		facts = append(facts, swaps(label)...)
	}
	return facts
}

// labelled has AWSCURRENT on three, AWSPREVIOUS on two, L and AWSPENDING on one; holder has label.
func (p *probe) labelled(label string) (holder string) {
	p.create("one", "two", "three")
	p.moves("AWSPENDING", "one", "")
	p.moves("L", "one", "")
	return map[string]string{"AWSCURRENT": "three", "AWSPREVIOUS": "two", "AWSPENDING": "one", "L": "one"}[label]
}

const labelledHolds = "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"

func swaps(label string) []Fact {
	other := "three"
	if label == "AWSCURRENT" {
		other = "one"
	}
	return []Fact{
		{label + " is moved off the version that has it", apiMove, 0, func(p *probe) {
			holder := p.labelled(label)
			p.moves(label, other, holder)
			p.holds(map[string]string{
				"AWSCURRENT":  "AWSCURRENT:one AWSPENDING:one AWSPREVIOUS:three L:one",
				"AWSPREVIOUS": "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:three L:one",
				"AWSPENDING":  "AWSCURRENT:three AWSPENDING:three AWSPREVIOUS:two L:one",
				"L":           "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:three",
			}[label])
		}},
		{label + " held elsewhere is not moved without RemoveFromVersionId", apiMove + "; its text is " + thirdParty, 0, func(p *probe) {
			holder := p.labelled(label)
			p.refused("move it", p.move(label, other, ""), fromNeeded(label, holder), badParameter)
			p.holds(labelledHolds)
		}},
		{label + " is not moved off a version that does not have it", apiMove, 0, func(p *probe) {
			holder := p.labelled(label)
			for _, wrong := range []string{"one", "two", "three", "nine"} {
				if wrong != holder {
					p.refused("move it off "+wrong, p.move(label, other, wrong), "", badParameter, notFound)
					p.holds(labelledHolds)
				}
			}
		}},
		{label + " is not taken off a version that does not have it", apiMove, 0, func(p *probe) {
			holder := p.labelled(label)
			for _, wrong := range []string{"one", "two", "three"} {
				if wrong != holder {
					p.refused("take it off "+wrong, p.move(label, "", wrong), "", badParameter)
					p.holds(labelledHolds)
				}
			}
		}},
		{label + " moved onto a version that does not exist stays where it is", apiMove + "; its code is " + unconfirmed, 0, func(p *probe) {
			p.refused("move it", p.move(label, "nine", p.labelled(label)), "", notFound)
			p.holds(labelledHolds)
		}},
		{label + " moved to where it is stays", apiMove, 0, func(p *probe) {
			holder := p.labelled(label)
			p.works("move it", p.move(label, holder, ""))
			p.holds(labelledHolds)
			p.works("move it, saying where it is", p.move(label, holder, holder))
			p.holds(labelledHolds)
		}},
	}
}
