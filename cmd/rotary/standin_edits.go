package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// edits are those of the manifest while the stand-in serves it.
type edits struct {
	path    string
	changed time.Time
	size    int64
}

// watchManifest returns the edits of the manifest from now on.
func (w served) watchManifest() *edits {
	e := &edits{path: w.manifest}
	if w.stage != nil {
		e.look()
	}
	return e
}

// look reports whether the file has changed since the last look. One that is not there has not.
func (e *edits) look() bool {
	info, err := os.Stat(e.path)
	if err != nil || info.ModTime().Equal(e.changed) && info.Size() == e.size {
		return false
	}
	e.changed, e.size = info.ModTime(), info.Size()
	return true
}

// deploy deploys the manifest if somebody has edited it. One that is invalid is left alone until the next edit.
func (e *edits) deploy(a *app, w served) {
	if w.stage == nil || !e.look() {
		return
	}
	text, err := os.ReadFile(e.path)
	if err == nil {
		_, err = a.readManifest() // its problems, with the file's name
	}
	if err == nil {
		err = w.stage.Follow(a.ctx, text)
	}
	if err != nil {
		fmt.Fprintf(a.err, "rotary: the manifest was edited, and is not deployed:\n  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return
	}
	fmt.Fprintf(a.err, "rotary: the manifest was edited, and is deployed: %s, mode %s\n", w.stage.Env.Name, w.stage.Env.Mode)
}
