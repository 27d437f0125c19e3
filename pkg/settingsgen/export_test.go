package settingsgen

// TranslatePattern returns a regular expression of Go as JavaScript and Python have it.
func TranslatePattern(pattern string) (inJavaScript, inPython string, err error) {
	inJavaScript, err = javaScript.translate(pattern)
	if err != nil {
		return "", "", err
	}
	inPython, err = python.translate(pattern)
	return inJavaScript, inPython, err
}
