package main

import "fmt"

type validateCmd struct{}

func (validateCmd) Help() string {
	return "Reads rotary.yaml strictly and checks it against itself: unknown fields, keys no source declares, names a sink refuses, collisions between layers, two consumers of one sink. Needs no network. Exit code 2 where it finds anything."
}

type validated struct {
	Manifest     string   `json:"manifest"`
	Environments []string `json:"environments"`
	Sources      int      `json:"sources"`
	Buckets      int      `json:"buckets"`
	Consumers    int      `json:"consumers"`
}

func (validateCmd) Run(a *app) error {
	file, err := a.file()
	if err != nil {
		return err
	}
	v := validated{a.manifest, file.Names(), len(file.Sources), len(file.Buckets), len(file.Consumers)}
	if a.json {
		return a.print(v)
	}
	_, err = fmt.Fprintf(a.out, "%s is valid: %d environments, %d sources, %d buckets, %d consumers\n",
		v.Manifest, len(v.Environments), v.Sources, v.Buckets, v.Consumers)
	return err
}
