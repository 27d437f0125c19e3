package settingsgen

import (
	"bytes"
	"encoding/json"
)

// schemaObject is a JSON Schema of an environment.
type schemaObject struct {
	Schema     string                    `json:"$schema"`
	Comment    string                    `json:"$comment"`
	Title      string                    `json:"title"`
	Type       string                    `json:"type"`
	Properties map[string]schemaProperty `json:"properties"`
	Required   []string                  `json:"required"`
}

type schemaProperty struct {
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
	Pattern     string `json:"pattern,omitempty"`
	MediaType   string `json:"contentMediaType,omitempty"`
	WriteOnly   bool   `json:"writeOnly,omitempty"`
}

// generateSchema returns a JSON Schema of the variables, each a text. Secrets are writeOnly. Other variables are none of
// its business.
func generateSchema(b Bucket, o Options) ([]File, error) {
	s := schemaObject{
		Schema: "https://json-schema.org/draft/2020-12/schema", Comment: "Written by: " + o.Command, Title: b.Name,
		Type: "object", Properties: map[string]schemaProperty{}, Required: []string{},
	}
	for _, setting := range b.Settings {
		pattern, reason, err := javaScript.translateCheck(setting.Check)
		if err != nil {
			return nil, err
		}
		property := schemaProperty{Type: "string", Pattern: pattern, WriteOnly: setting.Secret}
		if reason != "" {
			property.Description = "Malformed where it " + reason + "."
		}
		if setting.Check.Word == "json" {
			property.MediaType = "application/json"
		}
		s.Properties[setting.Name] = property
		if setting.Required {
			s.Required = append(s.Required, setting.Name)
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return []File{{Text: out.Bytes()}}, err
}
