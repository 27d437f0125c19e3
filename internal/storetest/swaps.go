package storetest

// fromNeeded returns AWS's text where a label is held elsewhere and RemoveFromVersionId is left out.
func fromNeeded(label, holder string) string {
	return "The parameter RemoveFromVersionId can't be empty. Staging label " + label + " is currently attached to version " +
		versionID(holder) + ", so you must explicitly reference that version in RemoveFromVersionId."
}

const cannotRemove = "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed."

// swapFacts: UpdateSecretVersionStage is a compare-and-swap for every label, and does all or nothing.
func swapFacts() []Fact {
	facts := []Fact{
		{"AWSCURRENT is not taken off", apiMove + "; its text is " + thirdParty, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.wantRefused("take it off", p.moveLabel("AWSCURRENT", "", "two"), cannotRemove, badParameter)
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"a label that is nowhere is moved off no version", apiMove, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.wantRefused("move it", p.moveLabel("L", "two", "one"), "", badParameter)
			p.wantRefused("take it off", p.moveLabel("L", "", "one"), "", badParameter)
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"a label is not taken off a version that does not exist", apiMove, 0, func(p *probe) {
			p.createSecret("one")
			p.mustMove("L", "one", "")
			p.wantRefused("take it off", p.moveLabel("L", "", "nine"), "", badParameter, notFound)
			p.wantLabels("AWSCURRENT:one L:one")
		}},
		{"a move to nowhere and from nowhere is refused", apiMove, 0, func(p *probe) {
			p.createSecret("one")
			p.wantRefused("move it", p.moveLabel("L", "", ""), "", badParameter, badRequest, invalid)
			p.wantLabels("AWSCURRENT:one")
		}},
	}
	for _, label := range []string{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "L"} {
		facts = append(facts, swapFactsOf(label)...)
	}
	return facts
}

// placeLabels puts AWSCURRENT on three, AWSPREVIOUS on two, L and AWSPENDING on one, and returns the holder of label.
func (p *probe) placeLabels(label string) (holder string) {
	p.createSecret("one", "two", "three")
	p.mustMove("AWSPENDING", "one", "")
	p.mustMove("L", "one", "")
	return map[string]string{"AWSCURRENT": "three", "AWSPREVIOUS": "two", "AWSPENDING": "one", "L": "one"}[label]
}

const labelledHolds = "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"

func swapFactsOf(label string) []Fact {
	other := "three"
	if label == "AWSCURRENT" {
		other = "one"
	}
	return []Fact{
		{label + " is moved off the version that has it", apiMove, 0, func(p *probe) {
			holder := p.placeLabels(label)
			p.mustMove(label, other, holder)
			p.wantLabels(map[string]string{
				"AWSCURRENT":  "AWSCURRENT:one AWSPENDING:one AWSPREVIOUS:three L:one",
				"AWSPREVIOUS": "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:three L:one",
				"AWSPENDING":  "AWSCURRENT:three AWSPENDING:three AWSPREVIOUS:two L:one",
				"L":           "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:three",
			}[label])
		}},
		{label + " held elsewhere is not moved without RemoveFromVersionId", apiMove + "; its text is " + thirdParty, 0, func(p *probe) {
			holder := p.placeLabels(label)
			p.wantRefused("move it", p.moveLabel(label, other, ""), fromNeeded(label, holder), badParameter)
			p.wantLabels(labelledHolds)
		}},
		{label + " is not moved off a version that does not have it", apiMove, 0, func(p *probe) {
			holder := p.placeLabels(label)
			for _, wrong := range []string{"one", "two", "three", "nine"} {
				if wrong != holder {
					p.wantRefused("move it off "+wrong, p.moveLabel(label, other, wrong), "", badParameter, notFound)
					p.wantLabels(labelledHolds)
				}
			}
		}},
		{label + " is not taken off a version that does not have it", apiMove, 0, func(p *probe) {
			holder := p.placeLabels(label)
			for _, wrong := range []string{"one", "two", "three"} {
				if wrong != holder {
					p.wantRefused("take it off "+wrong, p.moveLabel(label, "", wrong), "", badParameter)
					p.wantLabels(labelledHolds)
				}
			}
		}},
		{label + " moved onto a version that does not exist stays where it is", apiMove + "; its code is " + unconfirmed, 0, func(p *probe) {
			p.wantRefused("move it", p.moveLabel(label, "nine", p.placeLabels(label)), "", notFound)
			p.wantLabels(labelledHolds)
		}},
		{label + " moved to where it is stays", apiMove, 0, func(p *probe) {
			holder := p.placeLabels(label)
			p.wantNoError("move it", p.moveLabel(label, holder, ""))
			p.wantLabels(labelledHolds)
			p.wantNoError("move it, saying where it is", p.moveLabel(label, holder, holder))
			p.wantLabels(labelledHolds)
		}},
	}
}
