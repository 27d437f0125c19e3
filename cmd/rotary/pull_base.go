package main

import (
	"crypto/rand"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/envfile"
)

// readBase reads the bases of the folder, and that of the file: what was written from this environment and bucket the
// last time, or one that is new. Where it was another one, that takes --theirs.
func (p *pulling) readBase() (envfile.Bases, envfile.Base, error) {
	bases, err := p.place.readBases()
	if err != nil {
		return nil, envfile.Base{}, err
	}
	base, known := bases[p.place.name]
	if !known {
		base = envfile.Base{Environment: p.env.Name, Bucket: p.bucket.Name, Key: newBaseKey()}
	}
	if other := base.Environment != p.env.Name || base.Bucket != p.bucket.Name; other && !base.IsEmpty() && !p.Theirs {
		was := base.Bucket + " of " + base.Environment
		if base.Bucket == "" {
			was = "the sources of " + base.Environment
		}
		return nil, base, invalid{fmt.Errorf("%s was written from %s, and you ask for %s of %s. Nothing was written. "+
			"Say --theirs to replace what is from there, or name another --file", p.file, was, p.describeSource(), p.env.Name)}
	}
	return bases, base, nil
}

func newBaseKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}
