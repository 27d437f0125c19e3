package plan

// awaitReaders waits for whoever reads a source itself and may have read what is owed.
func (p *Plan) awaitReaders(source Source) {
	current, _ := source.Current()
	for _, c := range source.Consumers {
		wait := Wait{Subject: c.Name, Version: current.ID, Reason: Draining, Detail: c.Waiting, Until: c.WaitTill}
		if c.Unread {
			wait.Reason, wait.Detail = Unreadable, c.Unknown
		}
		if c.Unread || !c.Settled {
			p.Waits = append(p.Waits, wait)
		}
	}
}
